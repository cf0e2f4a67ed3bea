import { encode, encodeOid, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

export interface CertificatePolicy {
  /** Dotted object identifier. */
  readonly oid: string;
  /** Where its certification practice statement is to be read: an absolute URI in ASCII. */
  readonly cps?: string;
}

/** certificatePolicies, not critical, with no qualifier but the CPS pointer (RFC 5280 section 4.2.1.4). */
export function certificatePolicies(policies: readonly CertificatePolicy[]): Uint8Array {
  const value = encode(tags.sequence, ...policies.map(policyInformation));
  return encodeExtension(oid.certificatePolicies, value);
}

function policyInformation({ oid: dotted, cps }: CertificatePolicy): Uint8Array {
  const identifier = encodeOid(dotted);
  if (cps === undefined) return encode(tags.sequence, identifier);
  const uri = encode(tags.ia5String, Buffer.from(cps, 'latin1'));
  const qualifier = encode(tags.sequence, oid['id-qt-cps'], uri);
  return encode(tags.sequence, identifier, encode(tags.sequence, qualifier));
}
