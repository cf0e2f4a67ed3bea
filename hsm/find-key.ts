/**
 * Finds the key that signs, and says why it may not be used.
 */
import { type Cryptoki, ck, type Handle } from './cryptoki.ts';
import type { OpenToken } from './open-token.ts';
import { readPublicKey } from './public-key.ts';
import { TokenFault } from './token-fault.ts';

/**
 * The one private key with that CKA_LABEL. Handles are looked up for every new session, since a
 * handle may change whenever the user logs in again.
 * @throws TokenFault `key` when there is none or several
 */
export function findPrivateKey(token: OpenToken, session: Handle, label: string): Handle {
  const template = [
    [ck.CKA_CLASS, ck.CKO_PRIVATE_KEY],
    [ck.CKA_LABEL, label],
  ] as const;
  const [found, second] = token.cryptoki.findObjects(session, template, 2);
  if (found === undefined) {
    throw new TokenFault('key', `token ${token.label} has no private key labelled ${label}`);
  }
  if (second !== undefined) {
    throw new TokenFault(
      'key',
      `token ${token.label} has several private keys labelled ${label}; exactly one must remain`,
    );
  }
  return found;
}

/**
 * The public half of a private key, found by its CKA_ID, as SubjectPublicKeyInfo DER; undefined
 * if the token does not keep one.
 * @throws TokenFault `key` when several public keys claim to be it
 */
export function findPublicHalf(
  token: OpenToken,
  session: Handle,
  privateKey: Handle,
): Buffer | undefined {
  const { cryptoki } = token;
  const [id, label] = cryptoki.attributes(session, privateKey, [ck.CKA_ID, ck.CKA_LABEL]);
  const mark =
    id !== undefined && id.length > 0
      ? ([ck.CKA_ID, id] as const)
      : ([ck.CKA_LABEL, label ?? Buffer.alloc(0)] as const);
  const template = [[ck.CKA_CLASS, ck.CKO_PUBLIC_KEY] as const, mark];
  const [found, second] = cryptoki.findObjects(session, template, 2);
  if (second !== undefined) {
    throw new TokenFault('key', `token ${token.label} has several public keys for ${label}`);
  }
  return found && readPublicKey(cryptoki, session, found);
}

/**
 * A CA key must not be able to leave its token, and must be able to sign.
 * @throws TokenFault `key`
 */
export function assertKeyProtected(cryptoki: Cryptoki, session: Handle, privateKey: Handle): void {
  const types = [ck.CKA_SENSITIVE, ck.CKA_EXTRACTABLE, ck.CKA_SIGN];
  const [sensitive, extractable, sign] = cryptoki.attributes(session, privateKey, types);
  if (sensitive?.[0] !== 1) {
    throw new TokenFault('key', 'the key is not CKA_SENSITIVE: its value could be read');
  }
  if (extractable?.[0] !== 0) {
    throw new TokenFault('key', 'the key is CKA_EXTRACTABLE: it could be taken out of the token');
  }
  if (sign?.[0] !== 1) throw new TokenFault('key', 'the key may not sign (CKA_SIGN is not set)');
}
