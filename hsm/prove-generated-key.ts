import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyKind } from '../ca/key-kinds.ts';
import type { GeneratedKey } from './generated-key.ts';
import { testMessage } from './open-signers.ts';

/**
 * Holds a private key to what was asked for before it is given away: its kind, and that what it
 * signs verifies with its public key. Brings it into the one form that OpenSSL writes.
 * @param privateKeyInfo OneAsymmetricKey, DER; some tokens pad what they wrap with zeros
 * @throws Error whose sentence holds nothing of the key
 */
export async function proveGeneratedKey(
  kind: KeyKind,
  privateKeyInfo: Uint8Array,
): Promise<GeneratedKey> {
  const privateKey = readPrivateKey(privateKeyInfo);
  if (privateKey === undefined || kindOf(privateKey) !== kind) {
    throw new Error(`the token did not make a key of kind ${kind}`);
  }
  const publicKey = createPublicKey(privateKey);
  if (!(await isPair(privateKey, publicKey))) {
    throw new Error(`the token made a key of kind ${kind} that does not work`);
  }
  return {
    subjectPublicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
    privateKeyInfo: privateKey.export({ type: 'pkcs8', format: 'der' }),
  };
}

/** What OpenSSL says of a malformed key stays here: nobody knows what it quotes. */
function readPrivateKey(der: Uint8Array): KeyObject | undefined {
  const key = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}

const curveNames: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  switch (asymmetricKeyType) {
    case 'rsa':
      return `RSA-${asymmetricKeyDetails?.modulusLength}`;
    case 'ec':
      return curveNames[asymmetricKeyDetails?.namedCurve ?? ''];
    case 'ed25519':
      return 'Ed25519';
    default:
      return undefined;
  }
}

const signAsync = promisify(sign);
const verifyAsync = promisify(verify);

async function isPair(privateKey: KeyObject, publicKey: KeyObject): Promise<boolean> {
  const algorithm = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const message = testMessage();
  const signature = await signAsync(algorithm, message, privateKey).catch(() => undefined);
  return signature !== undefined && verifyAsync(algorithm, message, publicKey, signature);
}
