/**
 * Looks over a CRL before it is signed: RFC 5280 section 5, and DER. Relying parties that cannot read a CRL turn away
 * every certificate of its issuer, or none.
 */

import type { CaCertificate } from '../ca-chain.ts';
import { sameBytes, tags } from '../der.ts';
import { namesAuthorityKey } from './authority-key.ts';
import type { EntryFault } from './crl-entries.ts';
import { type Finding, findingsOf, LintFindings, type Rule } from './finding.ts';
import { isDistributionPointName } from './general-name.ts';
import { type LintedExtension, standsTwice, typeOf } from './linted-extension.ts';
import { parametersRule } from './signature-algorithm.ts';
import { readToBeSignedCrl, type ToBeSignedCrl } from './to-be-signed-crl.ts';

/** What a CRL must agree with. */
export type CrlIssuer = Pick<CaCertificate, 'subject' | 'keyIdentifier' | 'extensions'>;

const keyUsage = typeOf('2.5.29.15');
const cRLNumber = typeOf('2.5.29.20');
const issuingDistributionPoint = typeOf('2.5.29.28');
/** Whether these are critical is for rules of their own. */
const known: ReadonlySet<string> = new Set([
  cRLNumber,
  issuingDistributionPoint,
  typeOf('2.5.29.35'),
]);
const mostNumberOctets = 20;
/** Bit 6 of keyUsage (RFC 5280 section 4.2.1.3), behind tag, length and the count of unused bits. */
const cRLSign = { octet: 3, bit: 0x02 } as const;

/**
 * Memory does not grow with the list, and others have their turn in between.
 * @param toBeSigned TBSCertList, DER
 * @throws LintFindings
 */
export async function requireWellFormedCrl(
  toBeSigned: Uint8Array,
  issuer: CrlIssuer,
): Promise<void> {
  const findings = await lintCrl(toBeSigned, issuer);
  if (findings.length > 0) throw new LintFindings('CRL', findings);
}

/** @param toBeSigned TBSCertList, DER */
export async function lintCrl(toBeSigned: Uint8Array, issuer: CrlIssuer): Promise<Finding[]> {
  const crl = await readToBeSignedCrl(toBeSigned);
  if (!crl) return [{ rule: 'DER', says: 'It is no TBSCertList in DER (RFC 5280 section 5.1).' }];
  return findingsOf(crl, [...crlRules, ...crlIssuerRules(issuer)]);
}

const without =
  (fault: EntryFault) =>
  ({ entries }: ToBeSignedCrl) =>
    !entries?.faults.has(fault);

function isNumber({ critical, value: { tag, content } }: LintedExtension): boolean {
  return (
    !critical &&
    tag === tags.integer &&
    (content[0] ?? 0x80) < 0x80 &&
    content.length <= mostNumberOctets
  );
}

/** Of IssuingDistributionPoint: onlyContainsUserCerts, onlyContainsCACerts, onlyContainsAttributeCerts. */
const restrictions: readonly number[] = [0x81, 0x82, 0x85];

/** Reasons and other issuers' certificates are not what the CRLs of a CA differ by here. */
function isIssuingDistributionPoint({ critical, value: { tag, children } }: LintedExtension) {
  const name = children[0]?.tag === 0xa0 ? children[0] : undefined;
  const others = name ? children.slice(1) : children;
  return (
    critical &&
    tag === tags.sequence &&
    children.length > 0 &&
    (!name || isDistributionPointName(name)) &&
    others.length <= 1 &&
    others.every(
      ({ tag: restriction, content }) =>
        restrictions.includes(restriction) && content.length === 1 && content[0] === 0xff,
    )
  );
}

export const crlRules: readonly Rule<ToBeSignedCrl>[] = [
  [
    'CRL-01',
    'The version must be 2 (RFC 5280 section 5.1.2.1).',
    ({ version }) => version?.content.length === 1 && version.content[0] === 1,
  ],
  parametersRule,
  ['CRL-02', 'nextUpdate must be there (RFC 5280 section 5.1.2.5).', (crl) => 'nextUpdate' in crl],
  [
    'CRL-02',
    'nextUpdate must be later than thisUpdate.',
    ({ thisUpdate, nextUpdate }) => !thisUpdate || !nextUpdate || thisUpdate < nextUpdate,
  ],
  [
    'CRL-03',
    'thisUpdate and nextUpdate must be UTCTime through 2049 and GeneralizedTime after, with seconds and Z (RFC 5280 section 5.1.2.4).',
    (crl) =>
      crl.thisUpdate !== undefined && (!('nextUpdate' in crl) || crl.nextUpdate !== undefined),
  ],
  [
    'CRL-03',
    'A revocationDate must be UTCTime through 2049 and GeneralizedTime after, with seconds and Z (RFC 5280 section 5.1.2.6).',
    without('time'),
  ],
  [
    'CRL-05',
    'cRLNumber must be there, not critical, and a number of at most 20 octets (RFC 5280 section 5.2.3).',
    ({ extensions }) => {
      const extension = extensions.byType.get(cRLNumber);
      return extension !== undefined && isNumber(extension);
    },
  ],
  [
    'CRL-06',
    'revokedCertificates must be absent where nothing is revoked (RFC 5280 section 5.1.2.6).',
    ({ entries }) => entries?.count !== 0,
  ],
  [
    'CRL-ENTRY',
    'An entry is not a positive serial number, a time and extensions in DER (RFC 5280 section 5.1.2.6).',
    without('form'),
  ],
  [
    'CRL-ORDER',
    'The entries must stand in the order of their serial numbers, each once.',
    without('order'),
  ],
  [
    'CRL-07',
    'A reasonCode must not be critical, and none of unspecified, removeFromCRL and unassigned numbers (RFC 5280 section 5.3.1).',
    without('reason'),
  ],
  [
    'CRL-10',
    'issuingDistributionPoint must be critical, and says where and at most one kind of certificate, by an http URI (RFC 5280 section 5.2.5).',
    ({ extensions }) => {
      const extension = extensions.byType.get(issuingDistributionPoint);
      return !extension || isIssuingDistributionPoint(extension);
    },
  ],
  [
    'CRL-13',
    'invalidityDate must not be critical, and is GeneralizedTime with seconds and Z (RFC 5280 section 5.3.2).',
    without('invalidity-date'),
  ],
  [
    'CRL-TWICE',
    'An extension of the CRL stands twice (RFC 5280 section 5.2).',
    ({ extensions }) => !standsTwice(extensions),
  ],
  ['CRL-TWICE', 'An extension of an entry stands twice (RFC 5280 section 5.3).', without('twice')],
  [
    'CRL-CRITICAL',
    'A critical extension of the CRL is not one that relying parties must know (RFC 5280 section 5.2).',
    ({ extensions: { all } }) => all.every(({ type, critical }) => !critical || known.has(type)),
  ],
  [
    'CRL-CRITICAL',
    'A critical extension of an entry is not one that relying parties must know (RFC 5280 section 5.3).',
    without('critical'),
  ],
  [
    'DER-DEFAULT',
    'A default value is written out in an extension of the CRL, which DER does not (X.690 section 11.5).',
    ({ extensions: { all } }) => all.every(({ explicitDefault }) => !explicitDefault),
  ],
  [
    'DER-DEFAULT',
    'A default value is written out in an extension of an entry, which DER does not (X.690 section 11.5).',
    without('explicit-default'),
  ],
];

export function crlIssuerRules(issuer: CrlIssuer): readonly Rule<ToBeSignedCrl>[] {
  return [
    [
      'CRL-04',
      "authorityKeyIdentifier must be the CA's subjectKeyIdentifier, not critical (RFC 5280 section 5.2.1).",
      ({ extensions }) => namesAuthorityKey(extensions, issuer.keyIdentifier),
    ],
    [
      'CRL-09',
      "The issuer must be, octet for octet, the subject of the CA's certificate (RFC 5280 section 5.1.2.3).",
      (crl) => sameBytes(crl.issuer.bytes, issuer.subject),
    ],
    [
      'CRL-09',
      "The CA's keyUsage must say cRLSign (RFC 5280 section 4.2.1.3).",
      () => ((issuer.extensions.get(keyUsage)?.value[cRLSign.octet] ?? 0) & cRLSign.bit) !== 0,
    ],
  ];
}
