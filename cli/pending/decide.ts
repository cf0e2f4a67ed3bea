/** One decision: what it is about, what was said, and what it came to. */

import type { DecisionOutcome } from '../../enrollment/approvals.ts';
import { ShownCodes } from '../../enrollment/shown-code.ts';
import {
  type ConfirmationOutcome,
  mostWrongCodes,
  type StagedDevice,
} from '../../enrollment/staging-area.ts';
import { type Config, readSecret } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import { operator } from '../data.ts';
import { CommandError, conflict, exitCodes, notFound, usage } from '../exit.ts';
import { askForCode } from './read-code.ts';
import { findWaiting, type Waiting, waitingDevice } from './waiting.ts';

export interface Approving {
  readonly as?: string;
  readonly replaceKey?: true;
  /** As it was typed. */
  readonly code?: string;
}

/** @param id left out where the code says which one it is. @throws CommandError, Refusal mistyped-code */
export async function approve(
  stores: Stores,
  config: Config,
  id: string | undefined,
  { as, replaceKey, code }: Approving,
): Promise<Waiting> {
  const codes = new ShownCodes(Buffer.from(readSecret(config.pepper, 'one-time password pepper')));
  const waiting =
    id === undefined ? await findByCode(stores, codes, code) : await findWaiting(stores, id);
  if (waiting.kind === 'certificate') {
    if (as !== undefined || replaceKey || code !== undefined)
      throw usage(`${waiting.id} asks for a certificate: there is no id, key or code to be given.`);
    return decide(stores, waiting.id, { approve: true });
  }
  const typed = code ?? (waiting.showsCode ? await askForCode() : undefined);
  const outcome = await stores.stagingArea.approve(waiting.id, {
    by: operator(),
    at: new Date(),
    ...(as === undefined ? {} : { as }),
    ...(replaceKey ? { replaceKey } : {}),
    ...(typed === undefined ? {} : { codeHash: codes.conceal(typed, waiting.publicKeyDigest) }),
  });
  return confirmed(outcome, waiting.id);
}

/** @throws CommandError */
export async function reject(stores: Stores, id: string, reason?: string): Promise<Waiting> {
  const waiting = await findWaiting(stores, id);
  const why = reason === undefined ? {} : { reason };
  if (waiting.kind === 'certificate') return decide(stores, id, { approve: false, ...why });
  const rejection = { ...why, by: operator(), at: new Date() };
  return confirmed(await stores.stagingArea.reject(id, rejection), id);
}

const mostCompared = 100_000;

/** The one device that waits and shows this code. */
async function findByCode(
  { stagingArea }: Stores,
  codes: ShownCodes,
  typed: string | undefined,
): Promise<Waiting> {
  const code = typed ?? (await askForCode());
  if (code === undefined) throw usage('Name the request, or give the code that its device shows.');
  const filter = { state: 'pending', at: new Date(), limit: mostCompared } as const;
  const showing: StagedDevice[] = [];
  for (const staged of await stagingArea.list(filter))
    if (staged.showsCode && (await shows(stagingArea, codes, code, staged))) showing.push(staged);
  const [one, another] = showing;
  if (!one) throw notFound('No device that waits shows this code.');
  if (another) throw conflict('More than one device shows this code: name the request.');
  return waitingDevice(one);
}

function shows(
  stagingArea: Stores['stagingArea'],
  codes: ShownCodes,
  code: string,
  { id, publicKeyDigest }: StagedDevice,
): Promise<boolean> {
  return stagingArea.shows(id, codes.conceal(code, publicKeyDigest));
}

async function decide(
  { approvals }: Stores,
  id: string,
  decision: { approve: boolean; reason?: string },
): Promise<Waiting> {
  const outcome = await approvals.decide(id, { ...decision, by: operator(), at: new Date() });
  return decided(outcome, id);
}

function decided(outcome: DecisionOutcome, id: string): Waiting {
  if (outcome.kind === 'unknown') throw notFound(`There is no request ${id}.`);
  const { approval } = outcome;
  if (outcome.kind === 'conflict') throw conflictOf(id, approval.state);
  return { kind: 'certificate', ...approval };
}

function confirmed(outcome: ConfirmationOutcome, id: string): Waiting {
  switch (outcome.kind) {
    case 'decided':
      return waitingDevice(outcome.staged);
    case 'unknown':
      throw notFound(`There is no request ${id}.`);
    case 'conflict':
      throw conflictOf(id, outcome.staged.state);
    case 'refused':
      throw conflict(outcome.reason);
    case 'wrong-code':
      throw wrongCode(outcome.staged);
  }
}

function conflictOf(id: string, state: string): CommandError {
  return conflict(
    state === 'pending'
      ? `The request ${id} has expired.`
      : `The request ${id} is ${state} already.`,
  );
}

function wrongCode({ id, wrongCodes, state }: StagedDevice): CommandError {
  const what =
    state === 'rejected'
      ? `${mostWrongCodes} wrong codes were typed for ${id}, and it is rejected.`
      : `That is not the code that the device of ${id} shows (${wrongCodes} of ${mostWrongCodes} wrong ones).`;
  return new CommandError(exitCodes.notAllowed, what);
}
