import { type DerElement, latin1, readDer } from '../der.ts';

const uniformResourceIdentifier = 0x86;

/**
 * The addresses in cRLDistributionPoints or issuingDistributionPoint (RFC 5280 sections 4.2.1.13 and 5.2.5): where a
 * certificate says its CRL is, and where a CRL says it is.
 * @param value the extension's own DER
 * @throws DerError
 */
export function distributionPointUrls(value: Uint8Array): string[] {
  return urlsIn(readDer(value));
}

/** Both hold GeneralNames in fullName, and strings nowhere else. */
function urlsIn({ tag, content, children }: DerElement): string[] {
  return tag === uniformResourceIdentifier ? [latin1(content)] : children.flatMap(urlsIn);
}
