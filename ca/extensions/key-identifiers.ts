import { OctetString } from 'asn1js';
import { AuthorityKeyIdentifier } from 'pkijs';
import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** subjectKeyIdentifier, not critical (RFC 5280 section 4.2.1.2). */
export function subjectKeyIdentifier(keyIdentifier: Uint8Array): Uint8Array {
  return encodeExtension(oid.subjectKeyIdentifier, encode(tags.octetString, keyIdentifier));
}

/** authorityKeyIdentifier, not critical, holding the issuer's subjectKeyIdentifier (RFC 5280 section 4.2.1.1). */
export function authorityKeyIdentifier(issuerKeyIdentifier: Uint8Array): Uint8Array {
  const value = new AuthorityKeyIdentifier({
    keyIdentifier: new OctetString({ valueHex: Uint8Array.from(issuerKeyIdentifier) }),
  });
  return encodeExtension(oid.authorityKeyIdentifier, new Uint8Array(value.toSchema().toBER()));
}
