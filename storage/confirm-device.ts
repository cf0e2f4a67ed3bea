/**
 * A person says that a key is the one of its device: the key is pinned to it, and a newcomer registered, in the transaction
 * of the decision.
 */

import { timingSafeEqual } from 'node:crypto';
import type { Kysely } from 'kysely';
import { checkDeviceId } from '../enrollment/device.ts';
import type { GroupSettings } from '../enrollment/group-settings.ts';
import {
  type Confirmation,
  type ConfirmationOutcome,
  mostWrongCodes,
} from '../enrollment/staging-area.ts';
import { audit } from './audit-trail.ts';
import { objectionToBannedKey } from './banned-keys.ts';
import type { Database } from './database.ts';
import { objectionToKey } from './decide-intent.ts';
import { auditPin } from './first-keys.ts';
import { insertNewcomer } from './newcomers.ts';
import { announce } from './outbox.ts';
import { rejectStaged } from './reject-staged.ts';
import { groupOf } from './rows.ts';
import { type StagedRow, stagedDeviceOf, stagedRowById } from './staged-devices.ts';

type Transaction = Kysely<Database>;

/** Of two decisions the first holds; the same decision again changes nothing. */
export async function confirmDevice(
  transaction: Transaction,
  id: string,
  confirmation: Confirmation,
): Promise<ConfirmationOutcome> {
  const row = await stagedRowById(transaction, id);
  if (!row) return { kind: 'unknown' };
  const staged = stagedDeviceOf(row);
  const { at, as = row.confirmed_as, codeHash } = confirmation;
  const open = row.expires_at > at.toISOString();
  if (!open || row.state !== 'pending') {
    const same = open && row.state === 'approved' && as === row.confirmed_as;
    return { kind: same ? 'decided' : 'conflict', staged };
  }
  const refused = (reason: string) => ({ kind: 'refused', staged, reason }) as const;
  const settings = await settingsOf(transaction, row);
  if (settings?.trust !== 'staging')
    return refused(`The group ${row.device_group} has no staging area any more.`);
  if (settings.possession === 'shown-code' && (row.code_hash === null || codeHash === undefined))
    return refused('The code that the device shows is to be typed to approve it.');
  if (codeHash !== undefined && !isSameCode(codeHash, row.code_hash ?? ''))
    return countWrongCode(transaction, row, confirmation);
  const target = await targetOf(transaction, row, settings, confirmation);
  if ('reason' in target) return refused(target.reason);
  return { kind: 'decided', staged: await pin(transaction, row, target, confirmation) };
}

async function settingsOf(
  db: Transaction,
  { device_group: label, tenant }: StagedRow,
): Promise<GroupSettings | undefined> {
  const row = await db
    .selectFrom('device_group')
    .select(['label', 'tenant', 'settings'])
    .where('label', '=', label)
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  return row && groupOf(row).settings;
}

/** Hashes of codes, as they are typed and shown. */
export function isSameCode(typed: string, shown: string): boolean {
  const [a, b] = [Buffer.from(typed), Buffer.from(shown)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function countWrongCode(
  transaction: Transaction,
  row: StagedRow,
  { by, at }: Confirmation,
): Promise<ConfirmationOutcome> {
  const wrong_codes = row.wrong_codes + 1;
  const { id, device } = row;
  await transaction
    .updateTable('staged_device')
    .set({ wrong_codes })
    .where('id', '=', id)
    .execute();
  const details = { device, wrongCodes: wrong_codes };
  await audit(transaction, { at, actor: by, action: 'device.wrong-code', object: id, details });
  const counted = { ...row, wrong_codes };
  if (wrong_codes < mostWrongCodes) return { kind: 'wrong-code', staged: stagedDeviceOf(counted) };
  const reason = `${mostWrongCodes} wrong codes were typed for it.`;
  return {
    kind: 'wrong-code',
    staged: await rejectStaged(transaction, counted, { reason, by, at }),
  };
}

interface Target {
  readonly id: string;
  readonly registered: boolean;
  /** The key that it is known by, where that is another. */
  readonly replaces?: string;
}

/** Which device it is to be. */
async function targetOf(
  transaction: Transaction,
  row: StagedRow,
  { identity }: GroupSettings,
  { as, replaceKey = false }: Confirmation,
): Promise<Target | { readonly reason: string }> {
  const unnamed = identity === 'assigned' && row.newcomer === 1;
  if (unnamed && as === undefined)
    return { reason: `Say which device it is: the group ${row.device_group} has ids assigned.` };
  if (!unnamed && as !== undefined && as !== row.device)
    return { reason: `It is ${row.device}; ids are given in groups with identity assigned alone.` };
  const id = as ?? row.device;
  const malformed = objectionToId(id);
  if (malformed !== undefined) return { reason: malformed };
  const objection = await objectionToKeyOf(transaction, row, id);
  if (objection !== undefined) return { reason: objection };
  const device = await transaction
    .selectFrom('device')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (!device)
    return row.newcomer === 1
      ? { id, registered: false }
      : { reason: `Device ${id} is not registered any more.` };
  if (device.tenant !== row.tenant || device.device_group !== row.device_group)
    return { reason: `The name ${id} is taken by a device that is not in ${row.device_group}.` };
  if (device.role !== 'device') return { reason: `${id} is a registration authority.` };
  if (device.status !== 'active') return { reason: `Device ${id} is blocked.` };
  const { first_key: known } = device;
  if (known === null || known === row.public_key_digest) return { id, registered: true };
  return replaceKey
    ? { id, registered: true, replaces: known }
    : {
        reason: `Device ${id} is known by another key. If it has a new one, say so: the old one is worth nothing then.`,
      };
}

function objectionToId(id: string): string | undefined {
  try {
    checkDeviceId(id);
    return undefined;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return error.message;
  }
}

async function objectionToKeyOf(
  transaction: Transaction,
  { public_key_digest: publicKeyDigest }: StagedRow,
  subscriber: string,
): Promise<string | undefined> {
  const key = { publicKeyDigest, subscriber };
  const objection =
    (await objectionToBannedKey(transaction, key)) ?? (await objectionToKey(transaction, key));
  if (objection) return objection.reason;
  const other = await transaction
    .selectFrom('device')
    .select('id')
    .where('first_key', '=', publicKeyDigest)
    .where('id', '!=', subscriber)
    .limit(1)
    .executeTakeFirst();
  return other && `It is the key of device ${other.id}.`;
}

async function pin(
  transaction: Transaction,
  row: StagedRow,
  { id: device, registered, replaces }: Target,
  { by, at }: Confirmation,
) {
  const { id, tenant, device_group: group, public_key_digest: publicKeyDigest } = row;
  if (!registered) await insertNewcomer(transaction, { id: device, tenant, group, at, by });
  await transaction
    .updateTable('device')
    .set({ first_key: publicKeyDigest, first_key_at: at.toISOString(), foreign_key: null })
    .where('id', '=', device)
    .execute();
  await auditPin(transaction, { device, publicKeyDigest, at, by });
  const decided = {
    state: 'approved',
    confirmed_as: device,
    decided_by: by,
    decided_at: at.toISOString(),
  };
  await transaction.updateTable('staged_device').set(decided).where('id', '=', id).execute();
  const details = { device, publicKeyDigest, ...(replaces === undefined ? {} : { replaces }) };
  await audit(transaction, { at, actor: by, action: 'device.approved', object: id, details });
  const data = { request: id, ...details, by };
  await announce(transaction, device, { type: 'bestow.device.approved', at, data });
  const known = row.device === device ? publicKeyDigest : row.first_key;
  return stagedDeviceOf({ ...row, ...decided, first_key: known });
}
