/**
 * What became of a message, and the Full PKI Response that says so (RFC 5272 section 4.2).
 */

import { randomBytes } from 'node:crypto';
import { signData } from '../../../ca/cms/signed-data.ts';
import { encode, tags } from '../../../ca/der.ts';
import type { CmcSigner, EstExchange } from '../exchange.ts';
import { answerFor, asksForAuthentication } from '../refusals.ts';
import { type BodyPartId, encodeInteger, wholeMessage } from './body-part.ts';
import type { CmcFailure } from './cmc-failure.ts';
import type { Echo } from './controls.ts';
import { contentTypes } from './object-identifiers.ts';
import { encodePkiResponse, type ResponseContent, type ResponseControl } from './pki-response.ts';
import { encodeStatusInfo, type StatusInfo } from './status-info.ts';

export interface Outcome {
  readonly echo: Echo;
  /** Whether it is known who sent the message. */
  readonly known: boolean;
  readonly statuses: readonly StatusInfo[];
  /** Issued, DER. */
  readonly certificates: readonly Uint8Array[];
  /** EncryptedPOP, DER. */
  readonly challenges: readonly Uint8Array[];
  /** Answers to the messages of a batch. */
  readonly contents: readonly ResponseContent[];
  /** Decides the HTTP status where nothing succeeded: the first error. */
  readonly error?: unknown;
}

export const nothing = { statuses: [], certificates: [], challenges: [], contents: [] } as const;

export function hasSucceeded({ statuses }: Outcome): boolean {
  return statuses.some(({ status }) => status === 'success');
}

/** @param bodyList where the failure does not know itself */
export function statusOf(
  { reason, bodyList = [wholeMessage], cause }: CmcFailure,
  { requestId }: EstExchange,
): StatusInfo {
  const statusString = sentenceFor(cause, requestId);
  return reason === 'noSupport'
    ? { status: 'noSupport', bodyList, statusString }
    : { status: 'failed', bodyList, statusString, failInfo: reason };
}

/** What a text answer would say. Why somebody is not known is for the log alone. */
export function sentenceFor(error: unknown, requestId: string): string {
  return asksForAuthentication(error)
    ? `Who sends this message, or may ask for this, is not proven. (request ${requestId})`
    : answerFor(error, requestId, []).body.trimEnd();
}

const nonceLength = 16;

/**
 * Signs the answer.
 * @param issuer the certificate that the issued ones lead to, DER (RFC 5272 section 4.2)
 * @returns ContentInfo, DER
 * @throws SignerUnavailable, SignatureFault
 */
export function respond(
  outcome: Outcome,
  { signer, certificate }: CmcSigner,
  issuer: Uint8Array,
): Promise<Uint8Array> {
  return signData({
    contentType: contentTypes.pkiResponse,
    content: encodePkiResponse(controlsOf(outcome), outcome.contents),
    signer,
    certificate,
    certificates: [...outcome.certificates, issuer],
    signingTime: new Date(),
  });
}

function controlsOf({ echo, statuses, challenges, contents }: Outcome): ResponseControl[] {
  const { transactionId, senderNonce, dataReturn } = echo;
  return [
    ...statuses.map((info) => ({ name: 'statusInfoV2', value: encodeStatusInfo(info) }) as const),
    ...(transactionId ? [{ name: 'transactionId', value: transactionId } as const] : []),
    ...(senderNonce
      ? ([
          { name: 'senderNonce', value: octets(randomBytes(nonceLength)) },
          { name: 'recipientNonce', value: octets(senderNonce) },
        ] as const)
      : []),
    ...(dataReturn ? [{ name: 'dataReturn', value: octets(dataReturn) } as const] : []),
    ...challenges.map((value) => ({ name: 'encryptedPOP', value }) as const),
    ...(contents.length > 0
      ? [{ name: 'batchResponses', value: listOf(contents.map((c) => c.bodyPartId)) } as const]
      : []),
  ];
}

function octets(value: Uint8Array): Uint8Array {
  return encode(tags.octetString, value);
}

/** BodyPartList. */
function listOf(ids: readonly BodyPartId[]): Uint8Array {
  return encode(tags.sequence, ...ids.map(encodeInteger));
}
