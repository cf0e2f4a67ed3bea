/**
 * Looks over the ResponseData of an OCSP response before it is signed: RFC 6960 section 4.2, the profile of RFC 9919,
 * RFC 9654, and DER.
 */

import { keyIdentifierOf } from '../certificate.ts';
import { type DerElement, DerError, readDer, sameBytes, tags } from '../der.ts';
import { type Finding, findingsOf, LintFindings, type Rule } from './finding.ts';
import { type LintedExtensions, readExtensions, standsTwice, typeOf } from './linted-extension.ts';
import { isGeneralizedTime } from './times.ts';

/** What a response must agree with. */
export interface OcspQuestion {
  /** CertIDs of the request, DER, in its order. */
  readonly certificateIds: readonly Uint8Array[];
  readonly nonce?: Uint8Array | undefined;
  /** The responder's key: the content of its BIT STRING. */
  readonly responderKey: Uint8Array;
}

interface SingleResponse {
  readonly certificateId: DerElement;
  readonly status: DerElement;
  readonly thisUpdate: DerElement;
  readonly nextUpdate: DerElement | undefined;
  readonly extensions: LintedExtensions;
}

interface ResponseData {
  readonly version: DerElement | undefined;
  readonly responderId: DerElement;
  readonly producedAt: DerElement;
  readonly responses: readonly SingleResponse[];
  readonly extensions: LintedExtensions;
}

const nonceType = typeOf('1.3.6.1.5.5.7.48.1.2');
const extendedRevoke = typeOf('1.3.6.1.5.5.7.48.1.9');
const enumerated = 0x0a;
/** CRLReason, without what is no reason for a revocation that stands (RFC 5280 section 5.3.1). */
const reasons: ReadonlySet<number | undefined> = new Set([1, 2, 3, 4, 5, 6, 9, 10]);
const mostNonceOctets = 128;
const neverIssued = Buffer.from('19700101000000Z');

/** @param toBeSigned ResponseData, DER @throws LintFindings */
export function requireWellFormedOcspResponse(
  toBeSigned: Uint8Array,
  question: OcspQuestion,
): void {
  const findings = lintOcspResponse(toBeSigned, question);
  if (findings.length > 0) throw new LintFindings('OCSP response', findings);
}

/** @param toBeSigned ResponseData, DER */
export function lintOcspResponse(toBeSigned: Uint8Array, question: OcspQuestion): Finding[] {
  const data = readResponseData(toBeSigned);
  if (!data)
    return [{ rule: 'DER', says: 'It is no ResponseData in DER (RFC 6960 section 4.2.1).' }];
  return findingsOf(data, [...ocspRules, ...ocspQuestionRules(question)]);
}

/** @returns undefined when the octets are no ResponseData at all */
function readResponseData(octets: Uint8Array): ResponseData | undefined {
  try {
    return readParts(readDer(octets));
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function readParts({ tag, children }: DerElement): ResponseData | undefined {
  const version = children[0]?.tag === 0xa0 ? children[0] : undefined;
  const [responderId, producedAt, list, explicit, surplus] = version ? children.slice(1) : children;
  const singles = (list?.children ?? []).map(readSingle);
  const responses = singles.filter((single) => single !== undefined);
  const extensions = readExplicit(explicit);
  if (
    tag !== tags.sequence ||
    !responderId ||
    !producedAt ||
    list?.tag !== tags.sequence ||
    responses.length < singles.length ||
    !extensions ||
    surplus
  )
    return undefined;
  return { version, responderId, producedAt, responses, extensions };
}

function readSingle({ tag, children }: DerElement): SingleResponse | undefined {
  const [certificateId, status, thisUpdate, ...rest] = children;
  const until = rest[0]?.tag === 0xa0 ? rest.shift() : undefined;
  const [explicit, surplus] = rest;
  const [nextUpdate, another] = until?.children ?? [];
  const extensions = readExplicit(explicit);
  if (tag !== tags.sequence || !certificateId || !status || !thisUpdate) return undefined;
  if (surplus || another || (until && !nextUpdate) || !extensions) return undefined;
  return { certificateId, status, thisUpdate, nextUpdate, extensions };
}

/** responseExtensions and singleExtensions are both [1]. */
function readExplicit(explicit: DerElement | undefined): LintedExtensions | undefined {
  const [list, surplus] = explicit?.children ?? [];
  if (explicit && (explicit.tag !== 0xa1 || !list || surplus)) return undefined;
  return readExtensions(list);
}

function isTimeElement({ tag, content }: DerElement): boolean {
  return tag === tags.generalizedTime && isGeneralizedTime(content, 0, content.length);
}

/** CertStatus; reasons as in a CRL, where unspecified is said by saying nothing (RFC 5280 section 5.3.1). */
function isStatus({ tag, content, children: [at, reason, surplus] }: DerElement): boolean {
  if (tag === 0x80 || tag === 0x82) return content.length === 0;
  if (tag !== 0xa1 || !at || !isTimeElement(at) || surplus) return false;
  const [code, more] = reason?.children ?? [];
  return (
    !reason ||
    (reason.tag === 0xa0 &&
      !more &&
      code?.tag === enumerated &&
      code.content.length === 1 &&
      reasons.has(code.content[0]))
  );
}

const everySingle =
  (holds: (single: SingleResponse) => boolean) =>
  ({ responses }: ResponseData) =>
    responses.every(holds);

const allExtensions = ({ extensions, responses }: ResponseData) => [
  extensions,
  ...responses.map((single) => single.extensions),
];

export const ocspRules: readonly Rule<ResponseData>[] = [
  [
    'DER-DEFAULT',
    'version is v1 and not written out: there is no other, and it is the default (X.690 section 11.5).',
    ({ version }) => version === undefined,
  ],
  [
    'DER-DEFAULT',
    'A default value is written out in an extension, which DER does not (X.690 section 11.5).',
    (data) =>
      allExtensions(data).every(({ all }) => all.every(({ explicitDefault }) => !explicitDefault)),
  ],
  [
    'OCSP-07',
    'producedAt must be GeneralizedTime with seconds and Z and no fraction (RFC 9919 section 3.2.4).',
    ({ producedAt }) => isTimeElement(producedAt),
  ],
  [
    'OCSP-07',
    'thisUpdate and nextUpdate must be GeneralizedTime with seconds and Z and no fraction (RFC 9919 section 3.2.4).',
    everySingle(
      ({ thisUpdate, nextUpdate }) =>
        isTimeElement(thisUpdate) && (!nextUpdate || isTimeElement(nextUpdate)),
    ),
  ],
  [
    'OCSP-07',
    'nextUpdate must be there (RFC 9919 section 3.2.4).',
    everySingle(({ nextUpdate }) => nextUpdate !== undefined),
  ],
  [
    'OCSP-07',
    'nextUpdate must be later than thisUpdate.',
    // Times of one form compare as their octets do.
    everySingle(
      ({ thisUpdate, nextUpdate }) =>
        !nextUpdate || Buffer.compare(thisUpdate.content, nextUpdate.content) < 0,
    ),
  ],
  [
    'OCSP-12',
    'A status is good, unknown, or revoked with a time and a reason that revokes (RFC 6960 section 4.2.1).',
    everySingle(({ status }) => isStatus(status)),
  ],
  [
    'OCSP-13',
    'Revoked since 1970 means never issued, which takes the extension for it (RFC 6960 section 2.2).',
    ({ responses, extensions }) =>
      extensions.byType.has(extendedRevoke) ||
      responses.every(
        ({ status: { tag, children } }) =>
          tag !== 0xa1 || !sameBytes(children[0]?.content ?? neverIssued, neverIssued),
      ),
  ],
  [
    'OCSP-14',
    'The nonce must be an OCTET STRING of 1 to 128 octets, not critical (RFC 9654 section 2.1).',
    ({ extensions }) => {
      const nonce = extensions.byType.get(nonceType);
      if (!nonce) return true;
      const { critical, value } = nonce;
      const { length } = value.content;
      return (
        !critical && value.tag === tags.octetString && length >= 1 && length <= mostNonceOctets
      );
    },
  ],
  [
    'OCSP-TWICE',
    'An extension stands twice (RFC 6960 section 4.2.1, RFC 5280 section 4.2).',
    (data) => !allExtensions(data).some(standsTwice),
  ],
  [
    'OCSP-CRITICAL',
    'An extension is critical that clients need not know (RFC 6960 section 4.4).',
    (data) =>
      allExtensions(data).every(({ all }) =>
        all.every(({ type, critical }) => !critical || type === nonceType),
      ),
  ],
];

export function ocspQuestionRules(question: OcspQuestion): readonly Rule<ResponseData>[] {
  const { certificateIds, nonce, responderKey } = question;
  return [
    [
      'OCSP-04',
      'There must be one response for each CertID of the request, which repeats it octet for octet (RFC 6960 section 4.2.1).',
      ({ responses }) =>
        responses.length > 0 &&
        responses.length === certificateIds.length &&
        responses.every(({ certificateId }, i) =>
          sameBytes(certificateId.bytes, certificateIds[i] ?? new Uint8Array()),
        ),
    ],
    [
      'OCSP-06',
      "responderID must be byKey: SHA-1 of the responder's key (RFC 9919 section 3.2.2).",
      ({ responderId: { tag, children } }) => {
        const [key, surplus] = children;
        return (
          tag === 0xa2 &&
          !surplus &&
          key?.tag === tags.octetString &&
          sameBytes(key.content, keyIdentifierOf(responderKey))
        );
      },
    ],
    [
      'OCSP-14',
      'The nonce must be that of the request, or absent (RFC 9654 section 2.1).',
      ({ extensions }) => {
        const answered = extensions.byType.get(nonceType)?.value.content;
        return !answered || (nonce !== undefined && sameBytes(answered, nonce));
      },
    ],
  ];
}
