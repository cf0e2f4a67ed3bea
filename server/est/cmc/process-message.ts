/**
 * From a Full PKI Request to what became of it.
 */

import type { Issued } from '../../../ca/certificate-authority.ts';
import { readSignedData } from '../../../ca/cms/read-signed-data.ts';
import { sameBytes } from '../../../ca/der.ts';
import { malformed, Refusal } from '../../../ca/refusal.ts';
import { ApprovalPending } from '../../../enrollment/approvals.ts';
import type { Authorized } from '../../../enrollment/authorize.ts';
import { revoke } from '../../../enrollment/revoke.ts';
import { type CmcSigner, type EstExchange, issuerOf } from '../exchange.ts';
import type { BodyPartId } from './body-part.ts';
import type { CheckedBatch, CheckedRevocation } from './check-controls.ts';
import { type CheckedMessage, checkMessage, partsOf } from './check-message.ts';
import { CmcFailure, failed, failureOf } from './cmc-failure.ts';
import { type Echo, readControls, readEcho } from './controls.ts';
import { contentTypes } from './object-identifiers.ts';
import { openMessage } from './open-message.ts';
import { type CmcOrder, carryOut } from './orders.ts';
import { nothing, type Outcome, respond, sentenceFor, statusOf } from './outcome.ts';
import { maxRequests, readPkiData } from './pki-data.ts';
import type { ResponseContent } from './pki-response.ts';
import type { CmcMessage } from './requester.ts';
import type { StatusInfo } from './status-info.ts';

/** A message inside the message of a registration authority. */
interface Wrapping {
  readonly registrationAuthority: Authorized<'relay'>;
  /** Controls of the message that the authority has dealt with. */
  readonly processed: ReadonlySet<BodyPartId>;
  /** How many requests the whole batch may still have. */
  readonly budget: { requests: number };
}

type Deeds = Pick<Outcome, 'statuses' | 'certificates' | 'challenges' | 'contents' | 'error'>;

/**
 * Processes a message; whatever goes wrong is part of the outcome.
 * @param message ContentInfo, DER or BER
 */
export async function processMessage(
  exchange: EstExchange,
  signer: CmcSigner,
  message: Uint8Array,
  wrapping?: Wrapping,
): Promise<Outcome> {
  let echo: Echo = {};
  let known = false;
  try {
    const signedData = readSignedData(message);
    if (!sameBytes(signedData.contentType, contentTypes.pkiData))
      throw malformed('The CMS message does not hold a PKIData (RFC 5272 section 3.2).');
    const data = readPkiData(signedData.content);
    echo = readEcho(data.controls);
    if (wrapping) spend(wrapping.budget, data.requests.length);
    const wrapper = wrapping?.registrationAuthority;
    const read: CmcMessage = {
      signedData,
      data,
      controls: readControls(data.controls),
      ...(wrapper ? { wrapper } : {}),
    };
    const opened = await openMessage(exchange, read);
    known = opened.requester.known !== undefined;
    const checked = await checkMessage(exchange, read, opened, wrapping?.processed ?? new Set());
    const deeds =
      refused(exchange, read, checked) ?? (await carryOutAll(exchange, signer, read, checked));
    return { echo, known, ...deeds };
  } catch (error) {
    const failure = failureOf(error);
    exchange.note({ cmc: failure.reason });
    return {
      echo,
      known,
      ...nothing,
      statuses: [statusOf(failure, exchange)],
      error: failure.cause,
    };
  }
}

function spend(budget: { requests: number }, requests: number): void {
  budget.requests -= requests;
  if (budget.requests < 0)
    throw malformed(`A batch may have at most ${maxRequests} certification requests in all.`);
}

/** When a part is refused or has yet to be proven, none is carried out (RFC 5272 section 6.7). */
function refused(
  exchange: EstExchange,
  message: CmcMessage,
  { failures, challenges }: CheckedMessage,
): Deeds | undefined {
  const unproven = new CmcFailure(
    new Refusal(
      'possession-unproven',
      'Possession of the key is to be proven: decrypt the value in encryptedPOP, and send the request again with decryptedPOP (RFC 5272 section 6.7).',
    ),
    'popRequired',
    [...challenges.keys()],
  );
  const all = [...failures, ...(challenges.size > 0 && failures.length === 0 ? [unproven] : [])];
  const [first] = all;
  if (!first) return undefined;
  const named = new Set(all.flatMap(({ bodyList }) => bodyList ?? []));
  const others = partsOf(message).filter((id) => !named.has(id));
  const notDone = failed(
    'malformed-request',
    'This part was not processed, because another part of the message was refused.',
    'badRequest',
    others,
  );
  return {
    ...nothing,
    statuses: [...all, ...(others.length > 0 ? [notDone] : [])].map((each) =>
      statusOf(each, exchange),
    ),
    challenges: failures.length === 0 ? [...challenges.values()] : [],
    error: first.cause,
  };
}

/** Refusals that show only now are reported part by part; a fault ends it, and a repeated message finishes it. */
async function carryOutAll(
  exchange: EstExchange,
  signer: CmcSigner,
  message: CmcMessage,
  checked: CheckedMessage,
): Promise<Deeds> {
  const issued: Issued[] = [];
  const statuses: StatusInfo[] = [];
  const errors: Refusal[] = [];
  for (const order of checked.orders)
    try {
      issued.push(await carryOut(order, exchange));
      statuses.push({ status: 'success', bodyList: [order.bodyPartId] });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      errors.push(error);
      statuses.push(statusOfRefused(exchange, order, error));
    }
  for (const { bodyPartId, order, revocable } of checked.revocations) {
    await revokeOne(exchange, { bodyPartId, order, revocable });
    statuses.push({ status: 'success', bodyList: [bodyPartId] });
  }
  if (issued.length > 0)
    exchange.note({ serialNumber: issued.map(({ serialNumber }) => serialNumber).join(' ') });
  const batch = checked.batch && (await processBatch(exchange, signer, message, checked.batch));
  statuses.push(...(batch?.statuses ?? []));
  if (checked.acknowledged.length > 0)
    statuses.push({ status: 'success', bodyList: checked.acknowledged });
  const [error] = errors;
  const contents = batch?.contents ?? [];
  const certificates = issued.map(({ certificate }) => certificate);
  return { ...nothing, statuses, certificates, contents, ...(error ? { error } : {}) };
}

/** A request that waits for a person is pending under its token; anything else is refused. */
function statusOfRefused(exchange: EstExchange, asked: CmcOrder, error: Refusal): StatusInfo {
  const { bodyPartId, pending, pendInfo } = asked;
  if (!(error instanceof ApprovalPending))
    return statusOf(failureOf(error, [bodyPartId]), exchange);
  const time = new Date(Date.now() + error.retryAfter * 1000);
  return {
    status: 'pending',
    bodyList: [bodyPartId],
    statusString: sentenceFor(error, exchange.requestId),
    pendInfo: pendInfo ?? exchange.parts.pendTokens.make(pending, time),
  };
}

async function revokeOne(
  { parts, note }: EstExchange,
  { order, revocable }: CheckedRevocation,
): Promise<void> {
  await revoke(revocable, order, parts);
  note({ revoked: order.serialNumber });
}

/** RFC 5272 section 6.17: each message gets an answer of its own, under its own number. */
async function processBatch(
  exchange: EstExchange,
  signer: CmcSigner,
  { controls }: CmcMessage,
  { bodyPartId, messages, registrationAuthority }: CheckedBatch,
): Promise<Pick<Deeds, 'statuses' | 'contents'>> {
  const contents: ResponseContent[] = [];
  const budget = { requests: maxRequests };
  for (const [id, message] of messages) {
    const processed = controls.processed.flatMap((path) =>
      path.length === 2 && path[0] === id ? path.slice(1) : [],
    );
    const wrapping = { registrationAuthority, processed: new Set(processed), budget };
    const outcome = await processMessage(exchange, signer, message, wrapping);
    if (outcome.error !== undefined && !(outcome.error instanceof Refusal)) throw outcome.error;
    const { der: issuer } = issuerOf(exchange).authority.issuer;
    contents.push({ bodyPartId: id, contentInfo: await respond(outcome, signer, issuer) });
  }
  return { statuses: [{ status: 'success', bodyList: [bodyPartId] }], contents };
}
