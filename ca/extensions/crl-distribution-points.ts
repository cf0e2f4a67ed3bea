import { CRLDistributionPoints, DistributionPoint, GeneralName } from 'pkijs';
import { oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/**
 * cRLDistributionPoints, not critical: where the issuer's whole CRL is, so neither reasons nor cRLIssuer (RFC 5280 section
 * 4.2.1.13).
 * @param uris of the same CRL
 */
export function crlDistributionPoints(uris: readonly string[]): Uint8Array {
  const value = new CRLDistributionPoints({
    distributionPoints: [
      new DistributionPoint({
        distributionPoint: uris.map((uri) => new GeneralName({ type: 6, value: uri })),
      }),
    ],
  });
  return encodeExtension(oid.crlDistributionPoints, new Uint8Array(value.toSchema().toBER()));
}
