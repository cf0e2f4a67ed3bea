/**
 * Makes a CA key pair inside the token.
 */
import { type CaKeyType, signatureAlgorithmOf } from '../ca/signer.ts';
import { ck, type Handle, type KeyPairHandles, type Template } from './cryptoki.ts';
import { assertKeyProtected } from './find-key.ts';
import type { OpenToken } from './open-token.ts';
import { Pkcs11Fault, pkcs11FaultClass } from './pkcs11-fault.ts';
import { ecCurves, ed25519Parameters, keyIdentifier, readPublicKey } from './public-key.ts';
import { TokenFault } from './token-fault.ts';
import { assertSignsWith, knows } from './token-mechanisms.ts';

/**
 * Generates a key that can sign and never leave, in a token opened read-write.
 * @param label CKA_LABEL of both halves; their CKA_ID follows from the public key
 * @returns SubjectPublicKeyInfo DER
 * @throws TokenFault `key` when the label is taken, or the token does not make keys of that kind, or
 *   does not protect the key
 */
export async function generateKey(
  token: OpenToken,
  label: string,
  type: CaKeyType,
): Promise<Buffer> {
  if (label === '') throw new TokenFault('key', 'a key needs a label');
  const { cryptoki, session } = token;
  if (cryptoki.findObjects(session, [[ck.CKA_LABEL, label]], 1).length > 0) {
    throw new TokenFault('key', `token ${token.label} already has an object labelled ${label}`);
  }
  const pair = await generatePair(token, label, type);
  try {
    assertKeyProtected(cryptoki, session, pair.privateKey);
    const publicKey = readPublicKey(cryptoki, session, pair.publicKey);
    setKeyIdentifier(token, pair, keyIdentifier(publicKey));
    return publicKey;
  } catch (error) {
    destroyPair(token, session, pair);
    throw error;
  }
}

async function generatePair(
  token: OpenToken,
  label: string,
  type: CaKeyType,
): Promise<KeyPairHandles> {
  const { cryptoki, session } = token;
  const { mechanism, alternatives } = keyPairParameters(type);
  const what = `makes no ${type} keys`;
  if (!knows(token, mechanism)) throw new TokenFault('key', `token ${token.label} ${what}`);
  assertSignsWith(token, signatureAlgorithmOf[type]);
  let refusal: unknown;
  for (const parameters of alternatives) {
    const publicHalf = [...publicTemplate(label), ...parameters];
    try {
      const privateHalf = privateTemplate(label, type);
      return await cryptoki.generateKeyPair(session, mechanism, publicHalf, privateHalf);
    } catch (error) {
      const isRefusal = error instanceof Pkcs11Fault && pkcs11FaultClass(error) === 'request';
      if (!isRefusal) throw error;
      refusal ??= error;
    }
  }
  throw new TokenFault('key', `token ${token.label} ${what}: ${(refusal as Error).message}`, {
    cause: refusal,
  });
}

const publicExponent = Buffer.from([1, 0, 1]);

interface KeyPairParameters {
  readonly mechanism: number;
  /** Tried one after another until the token takes one. */
  readonly alternatives: readonly Template[];
}

function keyPairParameters(type: CaKeyType): KeyPairParameters {
  switch (type) {
    case 'P-256':
    case 'P-384':
    case 'P-521': {
      const parameters = [[ck.CKA_EC_PARAMS, ecCurves[type].parameters] as const];
      return { mechanism: ck.CKM_EC_KEY_PAIR_GEN, alternatives: [parameters] };
    }
    case 'Ed25519': {
      const alternatives = ed25519Parameters.map((curve) => [[ck.CKA_EC_PARAMS, curve] as const]);
      return { mechanism: ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, alternatives };
    }
    default: {
      const parameters = [
        [ck.CKA_MODULUS_BITS, Number(type.split('-')[1])],
        [ck.CKA_PUBLIC_EXPONENT, publicExponent],
      ] as const;
      return { mechanism: ck.CKM_RSA_PKCS_KEY_PAIR_GEN, alternatives: [parameters] };
    }
  }
}

function publicTemplate(label: string): Template {
  return [
    [ck.CKA_TOKEN, true],
    [ck.CKA_PRIVATE, false],
    [ck.CKA_VERIFY, true],
    [ck.CKA_LABEL, label],
  ];
}

function privateTemplate(label: string, type: CaKeyType): Template {
  const otherUses = type.startsWith('RSA') ? [ck.CKA_DECRYPT, ck.CKA_UNWRAP] : [ck.CKA_DERIVE];
  return [
    [ck.CKA_TOKEN, true],
    [ck.CKA_PRIVATE, true],
    [ck.CKA_SENSITIVE, true],
    [ck.CKA_EXTRACTABLE, false],
    [ck.CKA_SIGN, true],
    ...otherUses.map((use) => [use, false] as const),
    [ck.CKA_LABEL, label],
  ];
}

function setKeyIdentifier(token: OpenToken, pair: KeyPairHandles, id: Buffer): void {
  for (const half of [pair.privateKey, pair.publicKey]) {
    token.cryptoki.setAttributes(token.session, half, [[ck.CKA_ID, id]]);
  }
}

function destroyPair(token: OpenToken, session: Handle, pair: KeyPairHandles): void {
  token.cryptoki.destroyObject(session, pair.privateKey);
  token.cryptoki.destroyObject(session, pair.publicKey);
}
