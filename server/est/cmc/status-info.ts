/**
 * Extended CMC Status Info (RFC 5272 section 6.1.1): what became of a message or of its parts.
 */

import { type DerElement, encode, tags } from '../../../ca/der.ts';
import { malformed } from '../../../ca/refusal.ts';
import { type BodyPartId, encodeInteger, readPath } from './body-part.ts';

/** CMCStatus (RFC 5272 section 6.1.3). */
export const cmcStatuses = {
  success: 0,
  failed: 2,
  pending: 3,
  noSupport: 4,
  confirmRequired: 5,
  popRequired: 6,
  partial: 7,
} as const;
export type CmcStatus = keyof typeof cmcStatuses;

/** CMCFailInfo (RFC 5272 section 6.1.4). */
export const cmcFailInfos = {
  badAlg: 0,
  badMessageCheck: 1,
  badRequest: 2,
  badTime: 3,
  badCertId: 4,
  unsupportedExt: 5,
  mustArchiveKeys: 6,
  badIdentity: 7,
  popRequired: 8,
  popFailed: 9,
  noKeyReuse: 10,
  internalCAError: 11,
  tryLater: 12,
  authDataFail: 13,
} as const;
export type CmcFailInfo = keyof typeof cmcFailInfos;

/** Where and when to ask for a certificate that is not decided yet. */
export interface PendInfo {
  readonly token: Uint8Array;
  readonly time: Date;
}

interface Described {
  /** The parts it is about; never empty. */
  readonly bodyList: readonly BodyPartId[];
  /** For a person. */
  readonly statusString?: string;
}

/** failInfo stands with failed only, pendInfo with pending only (RFC 5272 section 6.1.1). */
export type StatusInfo = Described &
  (
    | { readonly status: 'success' | 'noSupport' }
    | { readonly status: 'failed'; readonly failInfo: CmcFailInfo }
    | { readonly status: 'pending'; readonly pendInfo: PendInfo }
  );

/** CMCStatusInfoV2, DER. */
export function encodeStatusInfo(info: StatusInfo): Uint8Array {
  const { status, bodyList, statusString } = info;
  return encode(
    tags.sequence,
    encodeInteger(cmcStatuses[status]),
    encode(tags.sequence, ...bodyList.map(encodeInteger)),
    ...(statusString === undefined ? [] : [encode(tags.utf8String, Buffer.from(statusString))]),
    ...encodeOtherInfo(info),
  );
}

function encodeOtherInfo(info: StatusInfo): Uint8Array[] {
  switch (info.status) {
    case 'failed':
      return [encodeInteger(cmcFailInfos[info.failInfo])];
    case 'pending': {
      const { token, time } = info.pendInfo;
      return [encode(tags.sequence, encode(tags.octetString, token), encodeGeneralizedTime(time))];
    }
    default:
      return [];
  }
}

/** PendInfo takes no UTCTime in any year. */
function encodeGeneralizedTime(time: Date): Uint8Array {
  const digits = time.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '');
  return encode(tags.generalizedTime, Buffer.from(`${digits}Z`, 'latin1'));
}

/**
 * What a client says of our last answer: CMCStatusInfo and CMCStatusInfoV2 begin alike (RFC 5272 sections 6.1.1, 6.1.2).
 * Of the rest nothing depends on it.
 * @throws Refusal malformed-request
 */
export function readStatusInfo(value: DerElement): { status: CmcStatus | undefined } {
  const [status, bodyList] = value.children;
  if (
    value.tag !== tags.sequence ||
    status?.tag !== tags.integer ||
    bodyList?.tag !== tags.sequence
  )
    throw malformed('A CMC Status Info control is malformed (RFC 5272 section 6.1).');
  for (const reference of bodyList.children) readPath(reference);
  const number = status.content.length === 1 ? status.content[0] : undefined;
  const names = Object.keys(cmcStatuses) as CmcStatus[];
  return { status: names.find((name) => cmcStatuses[name] === number) };
}
