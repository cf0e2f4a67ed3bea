import { constants, type KeyObject, verify } from 'node:crypto';

export interface Verification {
  /** OpenSSL's name of the hash, or null where the algorithm has its own (Ed25519, Ed448, ML-DSA with an empty context). */
  readonly hash: string | null;
  readonly key: KeyObject;
  /**
   * True for P-384 and P-521: half a millisecond and more, which goes to the thread pool. Any other verification takes a
   * tenth of a millisecond to three, most of all ML-DSA-87, and handing it over would cost as much again.
   */
  readonly slow: boolean;
  /** RSASSA-PSS, with MGF1 of the same hash and a salt as long as the hash; otherwise RSA is RSASSA-PKCS1-v1_5. */
  readonly pss?: boolean;
}

/** How Node verifies with a key: RSASSA-PSS has a salt as long as its hash. */
export function verificationKey(key: KeyObject, pss: boolean) {
  return pss
    ? {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      }
    : { key, dsaEncoding: 'der' as const };
}

/** Whether a signature is the key's over the data. ECDSA signatures are DER (RFC 3279 section 2.2.3). */
export async function verifySignature(
  { hash, key, slow, pss = false }: Verification,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const how = verificationKey(key, pss);
  if (!slow) return verify(hash, data, how, signature);
  return new Promise((resolve) => {
    // OpenSSL reports some malformed signatures as errors: they are as bad as wrong ones.
    verify(hash, data, how, signature, (error, verified) => resolve(!error && verified));
  });
}
