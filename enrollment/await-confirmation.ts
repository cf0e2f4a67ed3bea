/**
 * What a person must confirm goes to the staging area: it is put there once, and told to ask again. Nothing is spent or issued.
 */

import { readDer } from '../ca/der.ts';
import { describeName, readName } from '../ca/distinguished-name.ts';
import { Refusal } from '../ca/refusal.ts';
import { ApprovalPending, TooManyRequestsPending } from './approvals.ts';
import type { Caller } from './authenticator.ts';
import type { EnrollmentOrder, KeylessOrder } from './policy.ts';
import { type EnrollmentRefusalCode, unauthenticated } from './refusal.ts';
import { requireParts } from './request-requirements.ts';
import { isFirstCredential, type StagedRequest, type StagingArea } from './staging-area.ts';

export interface ConfirmationParts {
  readonly stagingArea: Pick<StagingArea, 'seek'>;
  /** Seconds: when a device that waits for a person may ask again, and how long its request is remembered. */
  readonly waiting: { readonly retryAfter: number; readonly validity: number };
}

/** Whether it gets nothing before a person has confirmed its key. Whether one has, the ledger says. */
export function needsConfirmation({ group, credential, relayedBy }: Caller): boolean {
  return group.settings.trust === 'staging' && !relayedBy && isFirstCredential(credential);
}

/** Whether an operator is to say first which device it is: until then there is nothing to certify. */
export function isUnnamed({ newcomer, group }: Caller): boolean {
  return newcomer === true && group.settings.identity === 'assigned';
}

/**
 * For who has no id yet: of its request, all that does not depend on the id must be in order.
 * @throws ApprovalPending, TooManyRequestsPending, Refusal
 */
export async function awaitId(order: EnrollmentOrder, parts: ConfirmationParts): Promise<never> {
  const { caller, profile } = order.authorized;
  requireParts(order.request, caller.group, profile);
  return awaitConfirmation(order, parts);
}

/** @throws ApprovalPending, TooManyRequestsPending, Refusal approval-rejected, unauthenticated, key-banned, key-in-use */
export async function awaitConfirmation(
  order: StrangersOrder,
  { stagingArea, waiting }: ConfirmationParts,
): Promise<never> {
  const { group, shownCode } = order.authorized.caller;
  if (group.settings.possession === 'shown-code' && shownCode === undefined)
    throw unauthenticated(
      `A new device of the group ${group.label} shows a code and sends it as HTTP Basic password.`,
    );
  const outcome = await stagingArea.seek(stagedRequestOf(order, waiting.validity));
  switch (outcome.kind) {
    case 'waits': {
      const { id } = outcome.staged;
      const sentence = `The device waits for confirmation as ${id}; ask again with the same key.`;
      throw new ApprovalPending(id, waiting.retryAfter, sentence);
    }
    case 'rejected': {
      const { id, reason } = outcome.staged;
      throw new Refusal<EnrollmentRefusalCode>(
        'approval-rejected',
        `The device was rejected as ${id}${reason ? `: ${reason}` : '.'}`,
      );
    }
    case 'too-many-pending':
      throw new TooManyRequestsPending(outcome.reason, waiting.retryAfter);
    case 'refused':
      throw new Refusal(outcome.code, outcome.reason);
  }
}

type StrangersOrder = Pick<KeylessOrder, 'authorized' | 'source' | 'requestId' | 'request'>;

/** @param validity seconds */
function stagedRequestOf(
  { authorized: { caller }, request, source, requestId }: StrangersOrder,
  validity: number,
): StagedRequest {
  const at = new Date();
  const { device, group, tenant, credential, factorySubject, shownCode } = caller;
  const model = caller.model ?? device.context?.model;
  return {
    group: group.label,
    tenant: tenant.id,
    device: device.id,
    newcomer: caller.newcomer === true,
    publicKeyDigest: request.publicKeyDigest,
    ...(device.serialNumber === undefined ? {} : { serialNumber: device.serialNumber }),
    ...(model === undefined ? {} : { model: readable(model) }),
    subject: readable(describeName(request.subjectAttributes)),
    names: readableNames(request.subjectAltNames),
    credential,
    ...(factorySubject
      ? { factorySubject: readable(describeName(readName(readDer(factorySubject)))) }
      : {}),
    ...(shownCode === undefined ? {} : { codeHash: shownCode }),
    source,
    requestId,
    at,
    expiresAt: new Date(at.getTime() + validity * 1000),
  };
}

const mostCharacters = 256;
const mostNames = 16;
// Controls, and what turns the direction of text or shows nothing: a person is to see what is there.
const unreadable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text of a stranger's, as a person can be shown it anywhere. */
function readable(text: string): string {
  const escaped = text
    .slice(0, mostCharacters)
    .replace(unreadable, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
  return escaped.length > mostCharacters || text.length > mostCharacters
    ? `${escaped.slice(0, mostCharacters)}...`
    : escaped;
}

function readableNames(names: readonly string[]): string[] {
  const shown = names.slice(0, mostNames).map(readable);
  return names.length > mostNames ? [...shown, `and ${names.length - mostNames} more`] : shown;
}
