/**
 * PKIData, the content of a Full PKI Request (RFC 5272 section 3.2.1), taken apart. What its parts say is read elsewhere.
 */

import { type BerElement, derOf, readBer } from '../../../ca/cms/ber.ts';
import { type DerElement, tags } from '../../../ca/der.ts';
import { malformed } from '../../../ca/refusal.ts';
import { type BodyPartId, readBodyPartId } from './body-part.ts';
import { type ControlName, controlName } from './object-identifiers.ts';

export interface PkiData {
  readonly controls: readonly Control[];
  readonly requests: readonly TaggedRequest[];
  /** reqSequence as it stands, with identifier and length: what an identity proof is computed over. */
  readonly requestSequence: Uint8Array;
  /** cmsSequence: each ContentInfo as it stands. */
  readonly contents: ReadonlyMap<BodyPartId, Uint8Array>;
}

/** TaggedAttribute. */
export interface Control {
  readonly bodyPartId: BodyPartId;
  /** Undefined for what neither RFC 5272 nor RFC 6402 defines. */
  readonly name: ControlName | undefined;
  readonly values: readonly DerElement[];
}

/** RFC 5272 section 3.2.1.2. */
export interface TaggedRequest {
  readonly bodyPartId: BodyPartId;
  readonly format: 'pkcs10' | 'crmf' | 'other';
  /** The TaggedRequest as it stands, tag and all: what a proof of possession by decryption is computed over. */
  readonly bytes: Uint8Array;
  /** The elements inside the tag: for `pkcs10` bodyPartID and request, for `crmf` those of the CertReqMsg. */
  readonly parts: readonly DerElement[];
}

export const maxRequests = 16;
const maxControls = 64;
/** A batch has no more messages than a message has requests. */
const maxContents = maxRequests;
const maxOtherMessages = 16;

/**
 * @param content the octets of a PKIData; a ContentInfo inside may be BER, everything else is DER
 * @throws Refusal malformed-request
 */
export function readPkiData(content: Uint8Array): PkiData {
  const outer = readBer(content);
  const [controls, requests, contents, others, surplus] = outer.children;
  if (
    outer.tag !== tags.sequence ||
    controls?.tag !== tags.sequence ||
    requests?.tag !== tags.sequence ||
    contents?.tag !== tags.sequence ||
    others?.tag !== tags.sequence ||
    surplus
  )
    throw malformed('The content is not a PKIData (RFC 5272 section 3.2.1).');
  requireAtMost(maxControls, controls, 'controls');
  requireAtMost(maxRequests, requests, 'certification requests');
  requireAtMost(maxContents, contents, 'CMS messages');
  requireAtMost(maxOtherMessages, others, 'other messages');
  const data: PkiData = {
    controls: controls.children.map(readControl),
    requests: requests.children.map(readTaggedRequest),
    requestSequence: derOf(requests).bytes,
    contents: new Map(contents.children.map(readContent)),
  };
  const ids = [
    ...[...data.controls, ...data.requests].map(({ bodyPartId }) => bodyPartId),
    ...contents.children.map((content) => readContent(content)[0]),
    ...others.children.map((other) => readBodyPartId(derOf(other).children[0])),
  ];
  if (new Set(ids).size < ids.length)
    throw malformed(
      'Two parts of the CMC message have the same bodyPartID (RFC 5272 section 3.2.2).',
    );
  return data;
}

function requireAtMost(limit: number, { children }: BerElement, what: string): void {
  if (children.length > limit)
    throw malformed(
      `The CMC message has more than ${limit} ${what}; send them in several messages.`,
    );
}

function readControl(element: BerElement): Control {
  const { tag, children } = derOf(element);
  const [id, type, values, surplus] = children;
  if (tag !== tags.sequence || type?.tag !== tags.oid || values?.tag !== tags.set || surplus)
    throw malformed('A control of the CMC message is malformed (RFC 5272 section 3.2.1.1).');
  return {
    bodyPartId: readBodyPartId(id),
    name: controlName(type.bytes),
    values: values.children,
  };
}

const formats = new Map<number, TaggedRequest['format']>([
  [0xa0, 'pkcs10'],
  [0xa1, 'crmf'],
  [0xa2, 'other'],
]);

/** @throws Refusal malformed-request */
export function readTaggedRequest(element: BerElement): TaggedRequest {
  const { tag, bytes, children } = derOf(element);
  const format = formats.get(tag);
  if (!format)
    throw malformed('A certification request has no known tag (RFC 5272 section 3.2.1.2).');
  const [first] = children;
  // The number of a CRMF request stands in its CertRequest, as certReqId.
  const id = format === 'crmf' ? first?.children[0] : first;
  return { bodyPartId: readBodyPartId(id), format, bytes, parts: children };
}

/** TaggedContentInfo. */
function readContent({ tag, children }: BerElement): [BodyPartId, Uint8Array] {
  const [id, contentInfo, surplus] = children;
  if (tag !== tags.sequence || !id || contentInfo?.tag !== tags.sequence || surplus)
    throw malformed(
      'A CMS message inside the CMC message is malformed (RFC 5272 section 3.2.1.3).',
    );
  return [readBodyPartId(derOf(id)), contentInfo.bytes];
}
