/**
 * Port: makes key pairs for devices that cannot make their own (RFC 7030 section 4.4).
 * `PlatformKeyGenerator` makes them in this process, hsm/ in the token.
 */

import type { KeyKind } from '../ca/key-kinds.ts';

export interface GeneratedKey {
  /** SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), DER. */
  readonly subjectPublicKeyInfo: Uint8Array;
  /**
   * OneAsymmetricKey in version v1 (RFC 5958 section 2), DER; an EC key names its curve in the algorithm.
   * The only copy there is: whoever receives it overwrites it with zeros when it is delivered.
   */
  readonly privateKeyInfo: Uint8Array;
}

export interface KeyGenerator {
  /** @throws Unavailable when no key can be made in time; nothing of a key stays behind then */
  generate(kind: KeyKind): Promise<GeneratedKey>;
}
