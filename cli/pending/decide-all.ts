/** Decisions by rule: what they are about is shown first, and done with --yes. */

import type { ConfirmationOutcome, StagedDevice } from '../../enrollment/staging-area.ts';
import type { Stores } from '../../storage/stores.ts';
import { operator } from '../data.ts';
import { notFound, usage } from '../exit.ts';
import { type RuleOptions, ruleOf } from './rule.ts';

export interface BulkItem {
  readonly id: string;
  readonly device: string;
  readonly source: string;
  readonly firstSeen: Date;
  /** What becomes of it, or why nothing does. */
  readonly outcome: string;
}

/** A group has no more that wait than this. */
const mostListed = 10_000;

/** @throws CommandError, TypeError */
export async function decideAll(
  stores: Stores,
  decision: { readonly approve: boolean; readonly reason?: string; readonly yes: boolean },
  options: RuleOptions,
): Promise<BulkItem[]> {
  const group = await stores.tenants.groupOf(options.group);
  if (!group) throw notFound(`There is no group ${options.group}.`);
  const { identity, possession } = group.settings;
  if (decision.approve && possession === 'shown-code')
    throw usage(
      `In the group ${group.label} a person types the code that each device shows: approve them one by one.`,
    );
  if (decision.approve && identity === 'assigned')
    throw usage(
      `In the group ${group.label} each device is given its id: approve them one by one.`,
    );
  const holds = ruleOf(options, new Date());
  const filter = {
    state: 'pending',
    group: group.label,
    at: new Date(),
    limit: mostListed,
  } as const;
  const found = (await stores.stagingArea.list(filter)).filter(holds).reverse();
  const items: BulkItem[] = [];
  for (const staged of found) {
    const { id, device, source, firstSeen } = staged;
    const outcome = await decideOne(stores, decision, staged);
    items.push({ id, device, source, firstSeen, outcome });
  }
  return items;
}

async function decideOne(
  { stagingArea }: Stores,
  { approve, reason, yes }: { approve: boolean; reason?: string; yes: boolean },
  { id, otherKey }: StagedDevice,
): Promise<string> {
  if (approve && otherKey) return 'left: another key than the confirmed one, decide by itself';
  if (!yes) return approve ? 'would be approved' : 'would be rejected';
  const act = { by: operator(), at: new Date() };
  return wordOf(
    approve
      ? await stagingArea.approve(id, act)
      : await stagingArea.reject(id, { ...act, ...(reason === undefined ? {} : { reason }) }),
  );
}

function wordOf(outcome: ConfirmationOutcome): string {
  switch (outcome.kind) {
    case 'decided':
      return outcome.staged.state;
    case 'unknown':
      return 'left: it is gone';
    case 'conflict':
      return `left: ${outcome.staged.state === 'pending' ? 'expired' : outcome.staged.state} already`;
    case 'refused':
      return `left: ${outcome.reason}`;
    case 'wrong-code':
      return 'left: it shows a code';
  }
}
