import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

const uniformResourceIdentifier = 0x86;
const fullName = 0xa0;
const distributionPoint = 0xa0;
/** onlyContainsUserCerts [1] TRUE. */
const onlyContainsUserCerts = Uint8Array.of(0x81, 1, 0xff);

/**
 * issuingDistributionPoint, critical (RFC 5280 section 5.2.5): the CRL of those end entity certificates that name one of
 * these addresses in cRLDistributionPoints, for all reasons. Each name stands in the octets it has there.
 * @param uris ASCII, one at least: an empty extension is forbidden
 */
export function issuingDistributionPoint(uris: readonly string[]): Uint8Array {
  if (uris.length === 0) throw new RangeError('A distribution point has one address at least.');
  const names = uris.map((uri) => encode(uniformResourceIdentifier, Buffer.from(uri, 'latin1')));
  const value = encode(
    tags.sequence,
    encode(distributionPoint, encode(fullName, ...names)),
    onlyContainsUserCerts,
  );
  return encodeExtension(oid.issuingDistributionPoint, value, { critical: true });
}
