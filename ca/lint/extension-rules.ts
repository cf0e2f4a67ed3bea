/** Rules for the extensions of a certificate: RFC 5280 section 4.2. */

import { keyIdentifierOf } from '../certificate.ts';
import { type DerElement, latin1, sameBytes, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';
import { namesAuthorityKey } from './authority-key.ts';
import type { Rule } from './finding.ts';
import { generalName, isDistributionPointName, isHttpUri } from './general-name.ts';
import { type LintedExtension, standsTwice, typeOf } from './linted-extension.ts';
import { emailsIn } from './name-rules.ts';
import type { ToBeSignedCertificate } from './to-be-signed-certificate.ts';

const types = {
  subjectKeyIdentifier: typeOf('2.5.29.14'),
  keyUsage: typeOf('2.5.29.15'),
  subjectAltName: typeOf('2.5.29.17'),
  basicConstraints: typeOf('2.5.29.19'),
  crlDistributionPoints: typeOf('2.5.29.31'),
  certificatePolicies: typeOf('2.5.29.32'),
  authorityKeyIdentifier: typeOf('2.5.29.35'),
  extKeyUsage: typeOf('2.5.29.37'),
  noRevAvail: typeOf('2.5.29.56'),
  authorityInfoAccess: typeOf('1.3.6.1.5.5.7.1.1'),
  subjectInfoAccess: typeOf('1.3.6.1.5.5.7.1.11'),
  ocspNoCheck: typeOf('1.3.6.1.5.5.7.48.1.5'),
  hashOfRootKey: typeOf('1.3.6.1.4.1.51483.2.1'),
} as const;

const ocspMethod = typeOf('1.3.6.1.5.5.7.48.1');
const cmcMethod = typeOf('1.3.6.1.5.5.7.48.12');
const cmcPurposes = ['27', '28', '29'].map((last) => typeOf(`1.3.6.1.5.5.7.3.${last}`));
const clientAuth = typeOf('1.3.6.1.5.5.7.3.2');
const serverAuth = typeOf('1.3.6.1.5.5.7.3.1');
const ocspSigning = typeOf('1.3.6.1.5.5.7.3.9');
const ia5Names: readonly number[] = [generalName.email, generalName.dns, generalName.uri];
const ascii = /^[\x21-\x7e]+$/;
const dnsName = /^(?!.*--.*\.$)(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i;
const absoluteUri = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i;

type Certificate = ToBeSignedCertificate;

function find({ extensions }: Certificate, name: keyof typeof types): LintedExtension | undefined {
  return extensions.byType.get(types[name]);
}

/** Whether what holds of an extension holds; one that is not there keeps to everything. */
function where(
  name: keyof typeof types,
  holds: (extension: LintedExtension, of: Certificate) => boolean,
) {
  return (certificate: Certificate): boolean => {
    const extension = find(certificate, name);
    return !extension || holds(extension, certificate);
  };
}

/** The fields of BasicConstraints: `cA` is left out where it is FALSE. */
const constraintsOf = (certificate: Certificate): readonly DerElement[] =>
  find(certificate, 'basicConstraints')?.value.children ?? [];

export function isCa(certificate: Certificate): boolean {
  const [ca] = constraintsOf(certificate);
  return ca?.tag === tags.boolean && ca.content[0] === 0xff;
}

/** Whether it names no other key than its own as that of its issuer. */
function namesItself(certificate: Certificate): boolean {
  const own = find(certificate, 'subjectKeyIdentifier')?.value.content;
  return (
    !find(certificate, 'authorityKeyIdentifier') ||
    (own !== undefined && namesAuthorityKey(certificate.extensions, own))
  );
}

const namesIn = (certificate: Certificate): readonly DerElement[] =>
  find(certificate, 'subjectAltName')?.value.children ?? [];

function isAscii({ tag, content }: DerElement): boolean {
  return !ia5Names.includes(tag) || content.every((octet) => octet < 0x80);
}

function isGoodGeneralName({ tag, content }: DerElement): boolean {
  const text = latin1(content);
  switch (tag) {
    case generalName.dns:
      return dnsName.test(text) && text.length <= 253;
    case generalName.uri:
      return absoluteUri.test(text);
    case generalName.email:
      return ascii.test(text) && text.includes('@');
    case generalName.ip:
      return content.length === 4 || content.length === 16;
    default:
      return content.length > 0;
  }
}

/** Locations of an AccessDescription list, by access method. */
function locationsIn(extension: LintedExtension | undefined) {
  return (extension?.value.children ?? []).map(({ children: [method, location] }) => ({
    method: octetsKey(method?.bytes ?? new Uint8Array()),
    location,
  }));
}

function purposesOf(certificate: Certificate): string[] {
  return (find(certificate, 'extKeyUsage')?.value.children ?? []).map(({ bytes }) =>
    octetsKey(bytes),
  );
}

/** One distribution point: fullName of http URIs, without reasons and cRLIssuer. */
function isPlainDistributionPoint({ children: [point, surplus] }: DerElement): boolean {
  return point !== undefined && !surplus && isDistributionPointName(point);
}

export const extensionRules: readonly Rule<Certificate>[] = [
  [
    'CRT-18',
    'An extension stands twice (RFC 5280 section 4.2).',
    ({ extensions }) => !standsTwice(extensions),
  ],
  [
    'DER-DEFAULT',
    'A default value is written out, which DER does not (X.690 section 11.5).',
    ({ extensions }) => extensions.all.every(({ explicitDefault }) => !explicitDefault),
  ],
  [
    'CRT-20',
    'subjectKeyIdentifier must be there, not critical, and SHA-1 of the key (RFC 5280 section 4.2.1.2).',
    (certificate) => {
      const extension = find(certificate, 'subjectKeyIdentifier');
      const key = certificate.key.children[1]?.content.subarray(1) ?? new Uint8Array();
      return (
        extension !== undefined &&
        !extension.critical &&
        extension.value.tag === tags.octetString &&
        sameBytes(extension.value.content, keyIdentifierOf(key))
      );
    },
  ],
  [
    'CRT-22',
    'keyUsage must be there, critical, and say at least one usage (RFC 5280 section 4.2.1.3).',
    (certificate) =>
      find(certificate, 'keyUsage')?.critical === true && (certificate.usages?.size ?? 0) > 0,
  ],
  [
    'CRT-23',
    'keyUsage must end with its last bit that is set (X.690 section 11.2.2).',
    where('keyUsage', ({ value: { tag, content } }) => {
      const [unused = 8, last = 0] = [content[0], content.at(-1)];
      return tag === tags.bitString && content.length > 1 && ((last >> unused) & 1) === 1;
    }),
  ],
  [
    'CRT-26',
    'basicConstraints of a CA must be critical, and a CA must be for keyCertSign (RFC 5280 section 4.2.1.9).',
    (certificate) =>
      !isCa(certificate) ||
      (find(certificate, 'basicConstraints')?.critical === true &&
        certificate.usages?.has('keyCertSign') === true),
  ],
  [
    'CRT-27',
    'Only a CA may sign certificates or have a path length (RFC 5280 section 4.2.1.9).',
    (certificate) =>
      isCa(certificate) ||
      (certificate.usages?.has('keyCertSign') !== true &&
        constraintsOf(certificate).every(({ tag }) => tag === tags.boolean)),
  ],
  [
    'CRT-28',
    'cA of basicConstraints is left out where it is FALSE, its default (X.690 section 11.5).',
    (certificate) =>
      constraintsOf(certificate).every(
        ({ tag, content }) => tag !== tags.boolean || content[0] === 0xff,
      ),
  ],
  [
    'CRT-11',
    'An empty subject needs a critical subjectAltName (RFC 5280 section 4.1.2.6).',
    (certificate) =>
      certificate.subject.children.length > 0 ||
      (find(certificate, 'subjectAltName')?.critical === true && namesIn(certificate).length > 0),
  ],
  [
    'CRT-29',
    'subjectAltName is empty or holds a malformed name (RFC 5280 section 4.2.1.6).',
    where(
      'subjectAltName',
      ({ value }) =>
        value.children.length > 0 &&
        value.children.every((name) => !isAscii(name) || isGoodGeneralName(name)),
    ),
  ],
  [
    'CRT-31',
    'A host name, URI or e-mail address of subjectAltName is not ASCII: host names are A-labels (RFC 5280 section 7).',
    where('subjectAltName', ({ value }) => value.children.every(isAscii)),
  ],
  [
    'CRT-30',
    'subjectAltName is not critical beside a subject (RFC 5280 section 4.2.1.6).',
    where(
      'subjectAltName',
      ({ critical }, { subject }) => !critical || subject.children.length === 0,
    ),
  ],
  [
    'CRT-15',
    'An e-mail address of the subject must stand in subjectAltName (RFC 5280 section 4.1.2.6).',
    (certificate) => {
      const mails = namesIn(certificate)
        .filter(({ tag }) => tag === generalName.email)
        .map(({ content }) => latin1(content));
      return emailsIn(certificate.subject).every((mail) => mails.includes(mail));
    },
  ],
  [
    'CRT-32',
    'extKeyUsage must not be critical, says at least one purpose, each once, and clientAuth and serverAuth need a usage to go with them (RFC 5280 section 4.2.1.12).',
    where('extKeyUsage', ({ critical }, certificate) => {
      const purposes = purposesOf(certificate);
      const usages = certificate.usages;
      const fits =
        usages === undefined ||
        ['digitalSignature', 'keyAgreement', 'keyEncipherment'].some((usage) =>
          usages.has(usage as 'digitalSignature'),
        );
      return (
        !critical &&
        purposes.length > 0 &&
        new Set(purposes).size === purposes.length &&
        (fits || !(purposes.includes(clientAuth) || purposes.includes(serverAuth)))
      );
    }),
  ],
  [
    'CRT-33',
    'crlDistributionPoints must not be critical, and name http URIs alone (RFC 5280 section 4.2.1.13).',
    where(
      'crlDistributionPoints',
      ({ critical, value }) =>
        !critical && value.children.length > 0 && value.children.every(isPlainDistributionPoint),
    ),
  ],
  [
    'CRT-34',
    'authorityInfoAccess must not be critical, and name http URIs alone (RFC 5280 section 4.2.2.1).',
    where(
      'authorityInfoAccess',
      (extension) =>
        !extension.critical &&
        locationsIn(extension).length > 0 &&
        locationsIn(extension).every(
          ({ location }) => location !== undefined && isHttpUri(location),
        ),
    ),
  ],
  [
    'CRT-35',
    'A certificate policy stands twice (RFC 5280 section 4.2.1.4).',
    where('certificatePolicies', ({ value: { children } }) => {
      const policies = children.map(({ children: [policy] }) =>
        octetsKey(policy?.bytes ?? new Uint8Array()),
      );
      return policies.length > 0 && new Set(policies).size === policies.length;
    }),
  ],
  [
    'CRT-40',
    'noRevAvail contradicts CRL distribution points and OCSP (RFC 9608 section 3).',
    where(
      'noRevAvail',
      ({ critical, value }, certificate) =>
        !critical &&
        value.tag === tags.null &&
        !isCa(certificate) &&
        !find(certificate, 'crlDistributionPoints') &&
        locationsIn(find(certificate, 'authorityInfoAccess')).every(
          ({ method }) => method !== ocspMethod,
        ),
    ),
  ],
  [
    'OCSP-10',
    'id-pkix-ocsp-nocheck is not critical, is NULL, and is for OCSP responders whose own status nobody is told to ask for (RFC 6960 section 4.2.2.2.1).',
    where(
      'ocspNoCheck',
      ({ critical, value }, certificate) =>
        !critical &&
        value.tag === tags.null &&
        purposesOf(certificate).includes(ocspSigning) &&
        !find(certificate, 'crlDistributionPoints') &&
        !find(certificate, 'authorityInfoAccess'),
    ),
  ],
  [
    'SIA-01',
    'subjectInfoAccess must not be critical or empty (RFC 5280 section 4.2.2.2).',
    where(
      'subjectInfoAccess',
      (extension) => !extension.critical && locationsIn(extension).length > 0,
    ),
  ],
  [
    'SIA-03',
    'subjectInfoAccess holds absolute URIs in ASCII (RFC 5280 section 4.2.1.6).',
    where('subjectInfoAccess', (extension) =>
      locationsIn(extension).every(
        ({ location }) =>
          location?.tag === generalName.uri && absoluteUri.test(latin1(location.content)),
      ),
    ),
  ],
  [
    'RA-05',
    'The access method id-ad-cmc needs an extended key usage of CMC beside it (RFC 6402 section 2.11).',
    where(
      'subjectInfoAccess',
      (extension, certificate) =>
        locationsIn(extension).every(({ method }) => method !== cmcMethod) ||
        purposesOf(certificate).some((purpose) => cmcPurposes.includes(purpose)),
    ),
  ],
  [
    'ROL-8649',
    'hashOfRootKey must not be critical, is a hash, and stands in self-signed CA certificates alone (RFC 8649 section 3).',
    where(
      'hashOfRootKey',
      ({ critical, value: { children } }, certificate) =>
        !critical &&
        children.length === 2 &&
        children[0]?.tag === tags.sequence &&
        children[1]?.tag === tags.octetString &&
        isCa(certificate) &&
        namesItself(certificate) &&
        sameBytes(certificate.issuer.bytes, certificate.subject.bytes),
    ),
  ],
];
