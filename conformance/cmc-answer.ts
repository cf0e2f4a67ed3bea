import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { CONTROL, controlType } from './cmc-request.ts';
import { type Element, parseBer, parseDer, TAG } from './der.ts';
import { objectIdentifier } from './der-writer.ts';
import type { HttpAnswer } from './http-answer.ts';
import { decodeBase64, refused, signedData } from './inspect-answer.ts';

/** CMCStatus and CMCFailInfo (RFC 5272 sections 6.1.3 and 6.1.4), as far as the cases name them. */
export const STATUS = { success: 0, failed: 2, pending: 3, noSupport: 4 } as const;
export const FAIL_INFO = {
  badMessageCheck: 1,
  badRequest: 2,
  badIdentity: 7,
  popFailed: 9,
} as const;

/** CMCStatusInfoV2 (RFC 5272 section 6.1.1). */
export interface StatusInfo {
  readonly status: number;
  readonly bodyList: readonly number[];
  readonly failInfo?: number;
  readonly pendToken?: Buffer;
  /** What is there besides, as it stands. */
  readonly otherInfo: readonly Element[];
}

export interface CmcAnswer {
  /** Content type of the SignedData, whole element. */
  readonly type: Element | undefined;
  readonly statuses: readonly StatusInfo[];
  readonly certificates: readonly X509Certificate[];
  /** The values of a control, by the last arc of its type. */
  readonly control: (arc: number) => Element | undefined;
}

/** Opens a Full PKI Response (RFC 5272 section 4.2), by its media type and DER. */
export function readCmcAnswer(answer: HttpAnswer, what: string): CmcAnswer {
  const mediaType = answer.headers['content-type'] ?? 'none';
  const isFull = /^application\/pkcs7-mime *;.*smime-type="?CMC-response"?/i.test(mediaType);
  assert.ok(isFull, `${what}: expected a CMC-response, got ${answer.status} with ${mediaType}`);
  const { contentInfo, certificates } = signedData(decodeBase64(answer.body));
  const [type, wrapper] = contentInfo.children;
  const octets = wrapper?.children[0]?.contents;
  assert.ok(octets, `${what}: the SignedData has no content`);
  const [controls] = parseDer(octets).children;
  const named = (arc: number) =>
    (controls?.children ?? []).flatMap(({ children }) => {
      const [, name, values] = children;
      const isNamed = name?.encoded.equals(objectIdentifier(controlType(arc)));
      return isNamed && values?.children[0] ? [values.children[0]] : [];
    });
  return {
    type,
    statuses: named(CONTROL.statusInfoV2).map(readStatus),
    certificates: certificates.map(({ encoded }) => new X509Certificate(encoded)),
    control: (arc) => named(arc)[0],
  };
}

function readStatus({ children }: Element): StatusInfo {
  const [status, bodyList, ...rest] = children;
  assert.ok(
    status?.tag === TAG.integer && bodyList?.tag === TAG.sequence,
    'CMCStatusInfoV2 is not complete',
  );
  const otherInfo = rest[0]?.tag === 0x0c ? rest.slice(1) : rest;
  const [info] = otherInfo;
  const pendToken = info?.tag === TAG.sequence ? info.children[0]?.contents : undefined;
  return {
    status: number(status),
    bodyList: bodyList.children.map(number),
    otherInfo,
    ...(info?.tag === TAG.integer ? { failInfo: number(info) } : {}),
    ...(pendToken ? { pendToken } : {}),
  };
}

/** INTEGERs here are small; a longer one is none that the cases know. */
function number({ contents }: Element): number {
  return contents.length <= 4 ? contents.readIntBE(0, contents.length) : Number.NaN;
}

/** A refusal has to be 4xx, and to say by a Full PKI Response why (RFC 7030 section 4.3.2). */
export function refusedByCmc(
  answer: HttpAnswer,
  what: string,
  failInfos?: readonly number[],
): readonly StatusInfo[] {
  refused(answer, '4xx', what);
  const { statuses } = readCmcAnswer(answer, what);
  const failed = statuses.filter(({ status }) => status === STATUS.failed);
  assert.ok(failed.length > 0, `${what}: no status is failed`);
  const infos = failed.map(({ failInfo }) => failInfo ?? -1);
  const expected = failInfos === undefined || infos.some((info) => failInfos.includes(info));
  assert.ok(expected, `${what}: expected failInfo ${failInfos?.join(' or ')}, got ${infos.join()}`);
  return statuses;
}

/** The certificates of a success, whether it is a Simple PKI Response or a Full one. */
export function grantedByCmc(answer: HttpAnswer, what: string): readonly X509Certificate[] {
  const text = answer.status === 200 ? '' : ` (${answer.body.toString().slice(0, 60)})`;
  assert.equal(answer.status, 200, `${what}: expected 200, got ${answer.status}${text}`);
  if (/CMC-response/i.test(answer.headers['content-type'] ?? '')) {
    const { statuses, certificates } = readCmcAnswer(answer, what);
    const all = statuses.map(({ status }) => status);
    assert.ok(
      all.length > 0 && all.every((status) => status === STATUS.success),
      `${what}: ${all}`,
    );
    return certificates;
  }
  const { certificates } = signedData(decodeBase64(answer.body));
  return certificates.map(({ encoded }) => new X509Certificate(parseBer(encoded).encoded));
}
