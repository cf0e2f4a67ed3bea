import { type KeyObject, verify } from 'node:crypto';

/**
 * Whether a signature is the key's over the data. ECDSA signatures are DER (RFC 3279 section 2.2.3).
 * @param hash OpenSSL's name of the hash, or null where the algorithm has its own (Ed25519)
 * @param slow true for P-384 and P-521: half a millisecond and more, which goes to the thread pool. A verification on
 *   P-256, with RSA or Ed25519 takes a tenth of a millisecond, which handing it over would cost again
 */
export async function verifySignature(
  { hash, key, slow }: { hash: string | null; key: KeyObject; slow: boolean },
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const how = { key, dsaEncoding: 'der' } as const;
  if (!slow) return verify(hash, data, how, signature);
  return new Promise((resolve) => {
    // OpenSSL reports some malformed signatures as errors: they are as bad as wrong ones.
    verify(hash, data, how, signature, (error, verified) => resolve(!error && verified));
  });
}
