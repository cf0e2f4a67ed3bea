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

/** Says in sentences what is wrong with a list of keys to lend; empty if nothing is. */
export function tokenKeyProblems(keys: readonly TokenKey[]): string[] {
  const problems: string[] = [];
  if (keys.length === 0) problems.push('there must be a key that signs');
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
