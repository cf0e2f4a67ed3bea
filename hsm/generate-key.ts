/**
 * Makes a CA key pair inside the token.
 */
import type { CaKeyType } from '../ca/signer.ts';
import { ck, type Handle, type KeyPairHandles, type Template } from './cryptoki.ts';
import { assertKeyProtected } from './find-key.ts';
import type { OpenToken } from './open-token.ts';
import { ecCurves, keyIdentifier, readPublicKey } from './public-key.ts';
import { TokenFault } from './token-fault.ts';

/**
 * Generates a key that can sign and never leave, in a token opened read-write.
 * @param label CKA_LABEL of both halves; their CKA_ID follows from the public key
 * @returns SubjectPublicKeyInfo DER
 * @throws TokenFault `key` when the label is taken or the token does not protect the key
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
  const { mechanism, parameters } = keyPairParameters(type);
  const pair = await cryptoki.generateKeyPair(
    session,
    mechanism,
    [...publicTemplate(label), ...parameters],
    privateTemplate(label, type),
  );
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

const publicExponent = Buffer.from([1, 0, 1]);

function keyPairParameters(type: CaKeyType): { mechanism: number; parameters: Template } {
  if (type === 'P-256' || type === 'P-384') {
    const parameters = [[ck.CKA_EC_PARAMS, ecCurves[type].parameters] as const];
    return { mechanism: ck.CKM_EC_KEY_PAIR_GEN, parameters };
  }
  const parameters = [
    [ck.CKA_MODULUS_BITS, type === 'RSA-3072' ? 3072 : 4096],
    [ck.CKA_PUBLIC_EXPONENT, publicExponent],
  ] as const;
  return { mechanism: ck.CKM_RSA_PKCS_KEY_PAIR_GEN, parameters };
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
