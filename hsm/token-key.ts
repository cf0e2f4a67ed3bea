/** How the server names the keys of the token that it wants lent: each by the certificate over it. */
import type { CaSignatureAlgorithm } from '../ca/signer.ts';

/** A key as its certificate describes it. */
export interface SignerKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: CaSignatureAlgorithm;
}

/** A key of the token, and the certificate it has to fit. */
export interface TokenKey extends SignerKey {
  /** CKA_LABEL of the private key. */
  readonly label: string;
  /** How sentences name the certificate, such as its path. */
  readonly certificate: string;
}

/** Whether both mean the same key, used in the same way; the certificate may have been renewed. */
export function isSameKey(one: TokenKey, other: TokenKey): boolean {
  return (
    one.label === other.label &&
    one.algorithm === other.algorithm &&
    Buffer.compare(one.publicKey, other.publicKey) === 0
  );
}

/** Keys lent by one signer process at most: far below what its hello has room for. */
const mostKeys = 64;

/**
 * Says in sentences what is wrong with a list of keys to lend; empty if nothing is. The list may be
 * empty: an issuer that waits for its certificate has no key to lend yet.
 */
export function tokenKeyProblems(keys: readonly TokenKey[]): string[] {
  const problems: string[] = [];
  if (keys.length > mostKeys) problems.push(`at most ${mostKeys} keys of a token are lent`);
  for (const [i, key] of keys.entries()) {
    if (key.label === '') problems.push(`the key of ${key.certificate} must have a label`);
    for (const other of keys.slice(0, i)) {
      const pair = `${other.certificate} and ${key.certificate}`;
      if (other.label === key.label) problems.push(`${pair} name the same key ${key.label}`);
      if (Buffer.compare(other.publicKey, key.publicKey) === 0)
        problems.push(`${pair} are over the same public key`);
    }
  }
  return problems;
}
