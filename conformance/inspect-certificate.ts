import type { X509Certificate } from 'node:crypto';
import { type Element, parseBer, walk } from './der.ts';
import { objectIdentifier } from './der-writer.ts';

function toBeSigned(certificate: X509Certificate): readonly Element[] {
  return parseBer(certificate.raw).children[0]?.children ?? [];
}

/** The fields after the optional version: serial, algorithm, issuer, validity, subject, key, ... */
function fields(certificate: X509Certificate): readonly Element[] {
  const all = toBeSigned(certificate);
  return all[0]?.tag === 0xa0 ? all.slice(1) : all;
}

export const issuerName = (certificate: X509Certificate): Buffer =>
  fields(certificate)[2]?.encoded ?? Buffer.alloc(0);

export const subjectName = (certificate: X509Certificate): Buffer =>
  fields(certificate)[4]?.encoded ?? Buffer.alloc(0);

export const publicKeyInfo = (certificate: X509Certificate): Buffer =>
  fields(certificate)[5]?.encoded ?? Buffer.alloc(0);

/** The value of an extension, unwrapped from its OCTET STRING, or undefined if it is not there. */
export function extensionValue(certificate: X509Certificate, type: string): Buffer | undefined {
  return extensionsOf(certificate).find((each) => each.type.equals(objectIdentifier(type)))?.value;
}

export interface CertificateExtension {
  readonly type: Buffer;
  readonly critical: boolean;
  readonly value: Buffer;
}

export function extensionsOf(certificate: X509Certificate): CertificateExtension[] {
  const list = toBeSigned(certificate).find((element) => element.tag === 0xa3)?.children[0];
  return (list?.children ?? []).map(({ children }) => ({
    type: children[0]?.encoded ?? Buffer.alloc(0),
    critical: children.length === 3 && children[1]?.contents[0] === 0xff,
    value: children.at(-1)?.contents ?? Buffer.alloc(0),
  }));
}

/** Extended key usages in dotted form, or undefined if the certificate is not limited to any. */
export function purposes(certificate: X509Certificate): Set<string> | undefined {
  const value = extensionValue(certificate, '2.5.29.37');
  if (value === undefined) return undefined;
  const listed = parseBer(value).children.map((child) => child.encoded.toString('hex'));
  const known = ['1', '2', '9', '27', '28', '29'].map((last) => `1.3.6.1.5.5.7.3.${last}`);
  known.push('2.5.29.37.0');
  return new Set(
    known.filter((dotted) => listed.includes(objectIdentifier(dotted).toString('hex'))),
  );
}

/** Whether basicConstraints say cA TRUE; node:crypto also asks for a fitting key usage before it says so. */
export function claimsAuthority(certificate: X509Certificate): boolean {
  const value = extensionValue(certificate, '2.5.29.19');
  const [first] = value === undefined ? [] : parseBer(value).children;
  return first?.tag === 0x01 && first.contents[0] !== 0;
}

/** Key usage as the first two octets of the named bit list; bit 5 is keyCertSign (0x04), bit 6 cRLSign (0x02). */
export function keyUsage(certificate: X509Certificate): number | undefined {
  const value = extensionValue(certificate, '2.5.29.15');
  return value === undefined ? undefined : (parseBer(value).contents[1] ?? 0);
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

/** Builds the path from a certificate to one of the anchors with nothing but the intermediates given. */
export function pathTo(
  anchors: readonly X509Certificate[],
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
): X509Certificate[] | undefined {
  const path = [certificate];
  for (let current = certificate; path.length < 10; ) {
    const signs = (issuer: X509Certificate) =>
      issuer.ca && current.checkIssued(issuer) && current.verify(issuer.publicKey);
    const anchor = anchors.find(signs);
    if (anchor) return [...path, anchor];
    const next = intermediates.find((each) => signs(each) && !path.includes(each));
    if (!next) return undefined;
    path.push(next);
    current = next;
  }
  return undefined;
}

/** Whether these bytes stand as one whole element anywhere in the certificate. */
export function contains(certificate: X509Certificate, element: Buffer): boolean {
  return [...walk(parseBer(certificate.raw))].some(
    (each) => each.encoded.equals(element) || each.contents.includes(element),
  );
}
