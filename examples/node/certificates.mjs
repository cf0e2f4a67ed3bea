// @ts-check
/** What a device reads in certificates: those of an answer, who vouches for them, and the endpoints. */

import { createHash, X509Certificate } from 'node:crypto';
import { children, encodeOid, read, tags } from './der.mjs';

/** @typedef {import('./der.mjs').Element} Element */

const mostCertificates = 20;

/**
 * The certificates of a certs-only answer (RFC 7030 section 4.1.3), base64.
 * @param {string} body
 */
export function certificatesOf(body) {
  const [, content] = children(read(Buffer.from(body, 'base64')));
  const signedData = content && children(content)[0];
  const list = signedData && children(signedData).find(({ tag }) => tag === 0xa0);
  if (!list) throw new Error('The answer holds no certificates.');
  return children(list)
    .slice(0, mostCertificates)
    .map(({ bytes }) => new X509Certificate(bytes));
}

/**
 * SHA-256 of a certificate.
 * @param {X509Certificate} certificate
 */
export function fingerprintOf({ raw }) {
  return createHash('sha256').update(raw).digest();
}

/**
 * The certificates above one, up to the root, which is the only one that is trusted.
 * @param {X509Certificate} certificate
 * @param {X509Certificate} root
 * @param {readonly X509Certificate[]} others
 * @returns {X509Certificate[] | undefined} those between the two; undefined where the root does not vouch for it today
 */
export function pathTo(certificate, root, others, most = 4) {
  if (!isValid(certificate) || !isValid(root)) return undefined;
  if (certificate.raw.equals(root.raw) || isIssuedBy(certificate, root)) return [];
  if (most === 0) return undefined;
  for (const each of others) {
    if (each.raw.equals(certificate.raw) || !isIssuedBy(certificate, each)) continue;
    const above = pathTo(each, root, others, most - 1);
    if (above) return [each, ...above];
  }
  return undefined;
}

/**
 * @param {X509Certificate} certificate
 * @param {X509Certificate} issuer
 */
function isIssuedBy(certificate, issuer) {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** @param {X509Certificate} certificate */
function isValid({ validFrom, validTo }) {
  return Date.parse(validFrom) <= Date.now() && Date.now() <= Date.parse(validTo);
}

/**
 * Subject (Name, DER) and extensions: what stands before the extensions is found by its place (RFC 5280 section 4.1).
 * @param {X509Certificate} certificate
 */
function partsOf({ raw }) {
  const toBeSigned = children(read(raw))[0];
  const parts = toBeSigned ? children(toBeSigned) : [];
  const subject = parts[parts[0]?.tag === 0xa0 ? 5 : 4];
  const wrapped = parts.find(({ tag }) => tag === 0xa3);
  const list = wrapped && children(wrapped)[0];
  if (!subject) throw new Error('The certificate has no subject.');
  return { subject: subject.bytes, extensions: list ? children(list) : [] };
}

/**
 * @param {readonly Element[]} extensions
 * @param {string} dotted
 */
function extensionOf(extensions, dotted) {
  const oid = encodeOid(dotted);
  return extensions.find((each) => children(each)[0]?.bytes.equals(oid));
}

/**
 * What a renewal repeats (RFC 7030 section 4.2.2), DER.
 * @param {X509Certificate} certificate
 */
export function namesOf(certificate) {
  const { subject, extensions } = partsOf(certificate);
  const names = extensionOf(extensions, '2.5.29.17');
  return { subject, extensions: names ? [names.bytes] : [] };
}

/**
 * Where the device is to connect, in order of preference: UpstreamEndpoints ::= SEQUENCE OF IA5String, in an extension of its
 * own (`.1` of the arc) or, as access method `.2`, in Subject Information Access.
 * @param {X509Certificate} certificate
 * @param {string} arc dotted
 */
export function endpointsIn(certificate, arc) {
  const { extensions } = partsOf(certificate);
  const own = valueIn(extensionOf(extensions, `${arc}.1`));
  if (own)
    return children(own)
      .filter(({ tag }) => tag === tags.ia5String)
      .map(({ content }) => content.toString('latin1'));
  const access = valueIn(extensionOf(extensions, '1.3.6.1.5.5.7.1.11'));
  const method = encodeOid(`${arc}.2`);
  return (access ? children(access) : []).flatMap((description) => {
    const [accessMethod, location] = children(description);
    const isUri = location?.tag === 0x86 && accessMethod?.bytes.equals(method);
    return isUri ? [location.content.toString('latin1')] : [];
  });
}

/** @param {Element | undefined} extension */
function valueIn(extension) {
  const octets = extension && children(extension).find(({ tag }) => tag === tags.octetString);
  return octets && read(octets.content);
}
