/**
 * Looks over a certificate before it is signed: RFC 5280, the RFCs of its algorithms, and DER. What is found is never
 * issued, since a certificate cannot be taken back from those who have seen it.
 */

import { type DerElement, sameBytes } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';
import { namesAuthorityKey } from './authority-key.ts';
import { extensionRules, isCa } from './extension-rules.ts';
import { type Finding, findingsOf, LintFindings, type Rule } from './finding.ts';
import { keyRules } from './key-rules.ts';
import { nameRules } from './name-rules.ts';
import { parametersRule } from './signature-algorithm.ts';
import { readToBeSigned, type ToBeSignedCertificate } from './to-be-signed-certificate.ts';

/** What a certificate must agree with; absent for one that signs itself. */
export interface LintIssuer {
  /** Name, DER. */
  readonly subject: Uint8Array;
  readonly keyIdentifier: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const mostSerialOctets = 20;
/** CA/Browser Forum Baseline Requirements section 7.1: 64 random bits; ours have a prefix octet besides. */
const leastSerialOctets = 9;

/** @throws LintFindings */
export function requireWellFormedCertificate(toBeSigned: Uint8Array, issuer?: LintIssuer): void {
  const findings = lintCertificate(toBeSigned, issuer);
  if (findings.length > 0) throw new LintFindings('certificate', findings);
}

/** @param toBeSigned TBSCertificate, DER */
export function lintCertificate(toBeSigned: Uint8Array, issuer?: LintIssuer): Finding[] {
  const certificate = readToBeSigned(toBeSigned);
  if (!certificate)
    return [{ rule: 'DER', says: 'It is no TBSCertificate in DER (RFC 5280 section 4.1).' }];
  return [
    ...findingsOf(certificate, bodyRules),
    ...findingsOf(certificate.subject, nameRules),
    ...findingsOf(certificate, keyRules),
    ...findingsOf(certificate, extensionRules),
    ...findingsOf(certificate, issuer ? issuerRules(issuer) : selfSignedRules),
  ];
}

function isPositive({ content }: DerElement): boolean {
  return (content[0] ?? 0x80) < 0x80 && content.some((octet) => octet !== 0);
}

export const bodyRules: readonly Rule<ToBeSignedCertificate>[] = [
  [
    'CRT-01',
    'The version must be 3 (RFC 5280 section 4.1.2.1).',
    ({ version }) => version !== undefined && octetsKey(version.content) === '020102',
  ],
  [
    'CRT-02',
    'The serial number must be positive and have at most 20 octets (RFC 5280 section 4.1.2.2).',
    ({ serialNumber }) =>
      isPositive(serialNumber) && serialNumber.content.length <= mostSerialOctets,
  ],
  [
    'CRT-03',
    'The serial number has too few octets to be unpredictable.',
    ({ serialNumber }) => serialNumber.content.length >= leastSerialOctets,
  ],
  [
    'CRT-05',
    'The issuer must not be empty (RFC 5280 section 4.1.2.4).',
    ({ issuer }) => issuer.children.length > 0,
  ],
  [
    'CRT-06',
    'A time must be UTCTime through 2049 and GeneralizedTime after, with seconds and Z (RFC 5280 section 4.1.2.5).',
    ({ notBefore, notAfter }) => notBefore !== undefined && notAfter !== undefined,
  ],
  [
    'CRT-06',
    'notAfter must be later than notBefore.',
    ({ notBefore, notAfter }) => !notBefore || !notAfter || notBefore < notAfter,
  ],
  [
    'CRT-17',
    'Unique identifiers are not used (RFC 5280 section 4.1.2.8), and nothing else may stand beside the extensions.',
    ({ rest }) => rest.length === 1 && rest[0]?.tag === 0xa3,
  ],
  parametersRule,
];

export function issuerRules(issuer: LintIssuer): readonly Rule<ToBeSignedCertificate>[] {
  return [
    [
      'CRT-05',
      "The issuer must be, octet for octet, the subject of the CA's certificate (RFC 5280 section 4.1.2.4).",
      (certificate) => sameBytes(certificate.issuer.bytes, issuer.subject),
    ],
    [
      'CRT-09',
      "The validity must lie inside that of the CA's certificate.",
      ({ notBefore, notAfter }) =>
        !notBefore || !notAfter || (notBefore >= issuer.notBefore && notAfter <= issuer.notAfter),
    ],
    [
      'CRT-19',
      "authorityKeyIdentifier must be the CA's subjectKeyIdentifier, not critical (RFC 5280 section 4.2.1.1).",
      ({ extensions }) => namesAuthorityKey(extensions, issuer.keyIdentifier),
    ],
  ];
}

export const selfSignedRules: readonly Rule<ToBeSignedCertificate>[] = [
  [
    'CRT-05',
    'A certificate without a CA above it must name itself as issuer.',
    (certificate) => sameBytes(certificate.issuer.bytes, certificate.subject.bytes),
  ],
  [
    'CRT-26',
    'A certificate without a CA above it must be a CA certificate.',
    (certificate) => isCa(certificate),
  ],
];
