/**
 * A Full PKI Request, checked in all its parts before any of them is carried out.
 */

import { Refusal } from '../../../ca/refusal.ts';
import { isRegistrationAuthority } from '../../../enrollment/is-registration-authority.ts';
import type { EstExchange } from '../exchange.ts';
import type { BodyPartId } from './body-part.ts';
import {
  type CheckedBatch,
  type CheckedRevocation,
  checkBatch,
  checkQuery,
  checkRevocation,
  requireOwnCertificate,
} from './check-controls.ts';
import { type CmcFailure, failed, failureOf } from './cmc-failure.ts';
import type { OpenedMessage } from './open-message.ts';
import { type CmcOrder, challengeFor, decide, identifyRequest, possessionOf } from './orders.ts';
import type { CmcMessage, Requester } from './requester.ts';

/** What a message asks for, each part under the number its status is about. */
export interface CheckedMessage {
  readonly orders: readonly CmcOrder[];
  readonly revocations: readonly CheckedRevocation[];
  /** What the client tells us, and nothing has to be done about. */
  readonly acknowledged: readonly BodyPartId[];
  readonly batch?: CheckedBatch;
  /** Challenges to answer before anything is carried out, by request; EncryptedPOP, DER. */
  readonly challenges: ReadonlyMap<BodyPartId, Uint8Array>;
  /** Why parts are refused, in which case nothing is carried out. */
  readonly failures: readonly CmcFailure[];
}

/** Numbers of what a message asks for. */
export function partsOf({ data, controls }: CmcMessage): BodyPartId[] {
  const asked = [
    ...controls.queries,
    ...controls.revocations,
    ...controls.confirmations,
    ...controls.statuses,
    ...(controls.batch ? [controls.batch] : []),
  ];
  return [...data.requests, ...asked].map(({ bodyPartId }) => bodyPartId);
}

/** RFC 5272 section 3.2.1.1: what is not understood fails the whole message. */
function requireUnderstood(
  { controls }: CmcMessage,
  { known }: Requester,
  processed: ReadonlySet<BodyPartId>,
): void {
  const own = known && isRegistrationAuthority(known.caller) ? controls.processed : [];
  const dealtWith = new Set([
    ...processed,
    ...own.flatMap((path) => (path.length > 1 ? [] : path)),
  ]);
  const unrecognised = controls.unrecognised.filter((id) => !dealtWith.has(id));
  if (unrecognised.length > 0)
    throw failed(
      'malformed-request',
      'The CMC message has controls that are not known here, or that only an answer can have.',
      'badRequest',
      unrecognised,
    );
  if (controls.unsupported.length > 0)
    throw failed(
      'malformed-request',
      'The CMC message has controls that are not supported here.',
      'noSupport',
      controls.unsupported,
    );
  if (controls.popWitnesses.length > 0)
    throw failed(
      'possession-unproven',
      'A registration authority cannot vouch for the possession of a key here; its holder proves it.',
      'popFailed',
      controls.popWitnesses,
    );
}

/** What each message must be to be heard at all, whatever it asks for. */
function requireIdentity(message: CmcMessage, { known, signed }: Requester): void {
  const { data, controls } = message;
  const parts = partsOf(message);
  if (parts.length === 0)
    throw failed('malformed-request', 'The CMC message asks for nothing.', 'badRequest');
  if (!signed && parts.length > controls.revocations.length)
    throw failed(
      'malformed-request',
      'Without a signature a CMC message can only revoke, by a secret (RFC 5272 section 6.11).',
      'badMessageCheck',
    );
  const requests = data.requests.length + controls.queries.length;
  if (requests > 1 && (!known || known.caller.credential.kind === 'one-time-password'))
    throw failed(
      'malformed-request',
      'A one-time password is for one certificate request; send the others with the certificate it gives.',
      'badRequest',
      parts,
    );
}

/**
 * @param processed controls that a registration authority around this message has dealt with
 * @throws CmcFailure about the message as a whole; what is wrong with parts of it is in the result
 */
export async function checkMessage(
  exchange: EstExchange,
  message: CmcMessage,
  { requester, requests, queries }: OpenedMessage,
  processed: ReadonlySet<BodyPartId>,
): Promise<CheckedMessage> {
  requireUnderstood(message, requester, processed);
  requireIdentity(message, requester);
  const { controls } = message;
  const failures: CmcFailure[] = [];
  const each = gathering(failures);
  const challenges = new Map<BodyPartId, Uint8Array>();
  const numbered = requests.map((request) => ({ bodyPartId: request.tagged.bodyPartId, request }));
  const orders = await each(numbered, async ({ bodyPartId, request }) => {
    const identified = await identifyRequest(exchange, requester, controls, request);
    const possession = possessionOf(exchange, identified, controls);
    // Decided first as if it were proven: who is refused anyway is not asked for a proof.
    const asked = possession ?? 'by-decryption';
    const order = decide(exchange, requester, identified, asked, { bodyPartId });
    if (!possession) challenges.set(bodyPartId, await challengeFor(exchange, identified));
    return order;
  });
  await each(controls.decryptedPops, ({ request }) => {
    if (requests.some(({ tagged }) => tagged.bodyPartId === request)) return;
    throw failed('malformed-request', `There is no request ${request} to prove.`, 'badRequest');
  });
  const again = await each(queries, (query) => checkQuery(exchange, requester, query));
  const revocations = await each(controls.revocations, (revocation) =>
    checkRevocation(exchange, requester, revocation),
  );
  const confirmed = await each(controls.confirmations, async (confirmation) => {
    await requireOwnCertificate(exchange, requester, confirmation);
    return confirmation.bodyPartId;
  });
  const asBatch = controls.batch ? [controls.batch] : [];
  const [batch] = await each(asBatch, (asked) => checkBatch(exchange, message, requester, asked));
  return {
    orders: [...orders, ...again],
    revocations,
    acknowledged: [...confirmed, ...controls.statuses.map(({ bodyPartId }) => bodyPartId)],
    ...(batch ? { batch } : {}),
    challenges,
    failures,
  };
}

/** Checks parts one by one: their refusals are gathered, and a fault ends it all. */
function gathering(failures: CmcFailure[]) {
  return async <Part extends { readonly bodyPartId: BodyPartId }, Checked>(
    parts: readonly Part[],
    check: (part: Part) => Checked | Promise<Checked>,
  ): Promise<Checked[]> => {
    const checked: Checked[] = [];
    for (const part of parts)
      try {
        checked.push(await check(part));
      } catch (error) {
        const failure = failureOf(error, [part.bodyPartId]);
        if (!(failure.cause instanceof Refusal)) throw error;
        failures.push(failure);
      }
    return checked;
  };
}
