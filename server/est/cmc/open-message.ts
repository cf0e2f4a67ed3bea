/**
 * A Full PKI Request with its sender and its requests: what has to be known before any of it is judged.
 */

import { type EstExchange, issuerOf } from '../exchange.ts';
import type { BodyPartId } from './body-part.ts';
import { failureOf } from './cmc-failure.ts';
import type { OpenedPendToken } from './pend-token.ts';
import { type CmcRequest, readRequests } from './read-requests.ts';
import {
  type CmcMessage,
  identifyRequester,
  type Requester,
  type RequestKey,
} from './requester.ts';
import { keyIdentifierIn } from './subject-key-identifier.ts';

/** A pendToken that was sent back, with its request. */
export interface Query extends OpenedPendToken {
  readonly bodyPartId: BodyPartId;
  readonly request: CmcRequest;
}

/** A message whose sender and whose requests are known. */
export interface OpenedMessage {
  readonly requester: Requester;
  readonly requests: readonly CmcRequest[];
  readonly queries: readonly Query[];
}

/**
 * Sees who sends the message before anything else is looked at, as far as its own signature allows.
 * @throws CmcFailure, Refusal: about the message as a whole, or about its first part that cannot be read
 */
export async function openMessage(
  exchange: EstExchange,
  message: CmcMessage,
): Promise<OpenedMessage> {
  const queries = await readQueries(exchange, message);
  let requests: Promise<CmcRequest[]> | undefined;
  const readOnce = () => {
    const { subject } = issuerOf(exchange).authority.issuer;
    requests ??= readRequests(message.data.requests, subject);
    return requests;
  };
  const requester = await identifyRequester(exchange, message, async () =>
    keysOf([...(await readOnce()), ...queries.map(({ request }) => request)]),
  );
  return { requester, requests: await readOnce(), queries };
}

function keysOf(requests: readonly CmcRequest[]): RequestKey[] {
  return requests.flatMap(({ request }) => {
    const keyIdentifier = keyIdentifierIn(request);
    return keyIdentifier ? [{ keyIdentifier, publicKey: request.publicKey }] : [];
  });
}

async function readQueries(exchange: EstExchange, { controls }: CmcMessage): Promise<Query[]> {
  const { subject } = issuerOf(exchange).authority.issuer;
  const queries: Query[] = [];
  for (const { bodyPartId, pendToken } of controls.queries)
    try {
      const opened = exchange.parts.pendTokens.open(pendToken);
      const [request] = await readRequests([opened.pending.tagged], subject);
      if (request) queries.push({ bodyPartId, request, ...opened });
    } catch (error) {
      throw failureOf(failureOf(error).cause, [bodyPartId]);
    }
  return queries;
}
