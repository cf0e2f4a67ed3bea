import { AccessDescription, GeneralName, InfoAccess } from 'pkijs';
import { dotted, oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** authorityInfoAccess, not critical: the OCSP responder, and the issuer's certificate (RFC 5280 section 4.2.2.1). */
export function authorityInformationAccess({
  ocsp,
  issuer,
}: {
  readonly ocsp?: string;
  readonly issuer?: string;
}): Uint8Array {
  const value = new InfoAccess({
    accessDescriptions: [
      ...(ocsp === undefined ? [] : [describe('id-ad-ocsp', ocsp)]),
      ...(issuer === undefined ? [] : [describe('id-ad-caIssuers', issuer)]),
    ],
  });
  return encodeExtension(oid.authorityInfoAccess, new Uint8Array(value.toSchema().toBER()));
}

function describe(method: 'id-ad-ocsp' | 'id-ad-caIssuers', uri: string): AccessDescription {
  return new AccessDescription({
    accessMethod: dotted[method],
    accessLocation: new GeneralName({ type: 6, value: uri }),
  });
}
