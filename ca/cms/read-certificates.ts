/**
 * The certificates of a certs-only message, or of any SignedData: nothing about them is verified.
 */

import { sameBytes, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { malformed } from '../refusal.ts';
import { derOf, readBer } from './ber.ts';

/**
 * @param message ContentInfo (RFC 5652 section 3), whose size the caller has bounded
 * @returns DER, in their order
 * @throws Refusal malformed-request
 */
export function readCertificatesOf(message: Uint8Array): Uint8Array[] {
  const [type, wrapped] = readBer(message).children;
  const signedData = wrapped?.children[0];
  if (!type || !sameBytes(type.bytes, oid['id-signedData']) || signedData?.tag !== tags.sequence)
    throw malformed('This is not a CMS SignedData (RFC 5652 section 5.1).');
  const certificates = signedData.children.find(({ tag }) => tag === 0xa0)?.children ?? [];
  return certificates
    .filter(({ tag }) => tag === tags.sequence)
    .map((certificate) => derOf(certificate).bytes);
}
