/**
 * Proves of each key that it is the one its certificate names, before anything is signed with it.
 */
import { type KeyObject, randomBytes } from 'node:crypto';
import { assertKeyProtected, findPrivateKey, findPublicHalf } from './find-key.ts';
import type { OpenToken } from './open-token.ts';
import { Pkcs11Signer } from './pkcs11-signer.ts';
import { fromSpki } from './public-key.ts';
import { SessionPool } from './session-pool.ts';
import { signatureVerifies } from './signature-algorithm.ts';
import { type TokenConfig, tokenDefaults } from './token-config.ts';
import { TokenFault } from './token-fault.ts';
import type { TokenKey } from './token-key.ts';
import { assertSignsWith } from './token-mechanisms.ts';

export type SignerLimits = Pick<TokenConfig, 'deadline' | 'sessions'>;

/**
 * Each key must be the one private key of its label, protected, its public half equal to the
 * certificate's, and make test signatures that verify. Each gets sessions of its own, so that
 * those who wait for one do not stand in the way of another. When a key does not fit, the sessions
 * of all of these are closed again.
 * @param onFault told once, when only another process can use the token again; then every one of
 *   these signers has failed
 * @returns in the order of the keys
 * @throws TokenFault naming the key and its certificate; Pkcs11Fault; SignerUnavailable
 */
export async function openSigners(
  token: OpenToken,
  limits: SignerLimits,
  keys: readonly TokenKey[],
  onFault: (fault: TokenFault) => void = () => undefined,
): Promise<Pkcs11Signer[]> {
  const signers: Pkcs11Signer[] = [];
  const failTogether = (fault: TokenFault): void => {
    for (const signer of signers) signer.fail(fault);
    onFault(fault);
  };
  const { deadline, sessions } = { ...tokenDefaults, ...limits };
  try {
    for (const key of keys) {
      assertKeyIsExpected(token, key);
      const pool = new SessionPool(token, { key: key.label, sessions, deadline });
      const signer = new Pkcs11Signer(token, pool, key, { deadline, onFault: failTogether });
      signers.push(signer);
      signer.expectDuration(await assertTestSignatures(signer, key));
    }
  } catch (error) {
    for (const signer of signers) signer.close();
    throw error;
  }
  return signers;
}

/** Bytes for a signature that proves the key works. They can be no certificate: not DER. */
export function testMessage(): Buffer {
  return Buffer.from(`Bestow test signature ${randomBytes(16).toString('hex')}`);
}

function assertKeyIsExpected(token: OpenToken, key: TokenKey): void {
  try {
    assertSignsWith(token, key.algorithm);
    const privateKey = findPrivateKey(token, token.session, key.label);
    assertKeyProtected(token.cryptoki, token.session, privateKey);
    const publicHalf = findPublicHalf(token, token.session, privateKey);
    if (publicHalf === undefined || publicHalf.equals(key.publicKey)) return;
  } catch (error) {
    if (!(error instanceof TokenFault) || error.kind !== 'key') throw error;
    throw keyFault(key, error.message);
  }
  throw keyFault(key, 'the public key in the token is not the one in the certificate');
}

function keyFault({ label, certificate }: TokenKey, reason: string): TokenFault {
  return new TokenFault('key', `${reason} (key ${label}, certificate ${certificate})`);
}

/** Enough for the fastest of them to tell how fast the token is. */
const testSignatures = 5;

/** @returns milliseconds the fastest test signature took */
async function assertTestSignatures(signer: Pkcs11Signer, key: TokenKey): Promise<number> {
  const publicKey: KeyObject = fromSpki(key.publicKey);
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < testSignatures; i += 1) {
    const message = testMessage();
    const start = performance.now();
    const signature = await signer.sign(message);
    fastest = Math.min(fastest, performance.now() - start);
    if (!signatureVerifies(signer.algorithm, publicKey, message, signature)) {
      throw keyFault(
        key,
        'a test signature of the token does not verify with the public key of the certificate',
      );
    }
  }
  return fastest;
}
