/**
 * Which certificates may lead from a device to a trust anchor, by names and key identifiers alone: what a stranger sent
 * costs no signature before it fits.
 */

import { type Certificate, extensionOf } from '../certificate.ts';
import { readDer, sameBytes } from '../der.ts';
import type { TrustAnchor } from './trust-anchor.ts';

export interface PossiblePath<Anchor extends TrustAnchor = TrustAnchor> {
  readonly anchor: Anchor;
  /** That below the anchor first, the device's last. */
  readonly certificates: readonly [Certificate, ...Certificate[]];
}

/** Certificates below an anchor, the device's among them. */
export const longestPath = 6;
/** Beginnings of paths that are followed at once, and paths that are found: cross-certified CAs have two or three. */
const mostPaths = 16;

/** Shortest first. @param between CA certificates, trusted by nobody */
export function* findPaths<Anchor extends TrustAnchor>(
  device: Certificate,
  between: readonly Certificate[],
  anchors: readonly Anchor[],
): Generator<PossiblePath<Anchor>> {
  let found = 0;
  let begun: [Certificate, ...Certificate[]][] = [[device]];
  for (let length = 1; length <= longestPath && begun.length > 0; length++) {
    for (const certificates of begun)
      for (const anchor of anchors)
        if (found < mostPaths && mayHaveIssued(anchor.certificate, certificates[0])) {
          found++;
          yield { anchor, certificates };
        }
    begun = begun
      .flatMap((path) => between.filter((each) => extendsPath(each, path)).map(above(path)))
      .slice(0, mostPaths);
  }
}

function above(path: readonly [Certificate, ...Certificate[]]) {
  return (issuer: Certificate): [Certificate, ...Certificate[]] => [issuer, ...path];
}

function extendsPath(issuer: Certificate, path: readonly [Certificate, ...Certificate[]]): boolean {
  return !path.includes(issuer) && mayHaveIssued(issuer, path[0]);
}

/** Names octet for octet, as RFC 5280 section 4.1.2.6 has a CA write its own; key identifiers where both have one. */
function mayHaveIssued(issuer: Certificate, certificate: Certificate): boolean {
  if (!sameBytes(issuer.subject, certificate.issuer)) return false;
  const own = extensionOf(issuer, 'subjectKeyIdentifier');
  const named = extensionOf(certificate, 'authorityKeyIdentifier');
  const key = named && readDer(named.value).children.find(({ tag }) => tag === 0x80);
  return !own || !key || sameBytes(readDer(own.value).content, key.content);
}
