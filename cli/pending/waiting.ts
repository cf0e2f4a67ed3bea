/** What waits for a person, of both kinds, in one view: first keys of devices, and certificates in groups with approval. */

import type { Approval, ApprovalState } from '../../enrollment/approvals.ts';
import {
  type StagedDevice,
  type StagedState,
  showFingerprint,
  stagedStates,
} from '../../enrollment/staging-area.ts';
import type { Stores } from '../../storage/stores.ts';
import { notFound } from '../exit.ts';

export type Waiting =
  | ({ readonly kind: 'certificate' } & Approval)
  | ({ readonly kind: 'device'; readonly fingerprint: string } & StagedDevice);

export function waitingDevice(staged: StagedDevice): Extract<Waiting, { kind: 'device' }> {
  return { kind: 'device', fingerprint: showFingerprint(staged.publicKeyDigest), ...staged };
}

/** Newest first. */
export async function listWaiting(
  { approvals, stagingArea }: Pick<Stores, 'approvals' | 'stagingArea'>,
  { state, limit }: { readonly state?: ApprovalState; readonly limit: number },
): Promise<Waiting[]> {
  const at = new Date();
  const found: Waiting[] = (
    await approvals.list({ ...(state === undefined ? {} : { state }), at, limit })
  ).map((approval) => ({ kind: 'certificate', ...approval }));
  if (state === undefined || isStagedState(state)) {
    const filter = { ...(state === undefined ? {} : { state }), at, limit };
    found.push(...(await stagingArea.list(filter)).map(waitingDevice));
  }
  return found.sort((a, b) => b.firstSeen.getTime() - a.firstSeen.getTime()).slice(0, limit);
}

function isStagedState(state: ApprovalState): state is StagedState {
  return (stagedStates as readonly string[]).includes(state);
}

/** @throws CommandError */
export async function findWaiting(
  { approvals, stagingArea }: Pick<Stores, 'approvals' | 'stagingArea'>,
  id: string,
): Promise<Waiting> {
  const staged = await stagingArea.find(id);
  if (staged) return waitingDevice(staged);
  const approval = await approvals.find(id);
  if (approval) return { kind: 'certificate', ...approval };
  throw notFound(`There is no request ${id}.`);
}
