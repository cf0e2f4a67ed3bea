/** Rows of the staging area. */

import type { Kysely, Selectable } from 'kysely';
import type { Credential } from '../ca/certificate-plan.ts';
import type { StagedDevice, StagedState } from '../enrollment/staging-area.ts';
import type { Database, StagedDeviceTable } from './database.ts';
import { type EventSubject, eventSubject } from './outbox.ts';

export type StagedRow = Selectable<StagedDeviceTable> & { readonly first_key: string | null };

/** With the key that the device is known by now. */
export function stagedRows(db: Kysely<Database>) {
  return db
    .selectFrom('staged_device')
    .leftJoin('device', 'device.id', 'staged_device.device')
    .selectAll('staged_device')
    .select('device.first_key');
}

export function stagedRowById(db: Kysely<Database>, id: string): Promise<StagedRow | undefined> {
  return stagedRows(db).where('staged_device.id', '=', id).executeTakeFirst();
}

export function stagedDeviceOf(row: StagedRow): StagedDevice {
  return {
    id: row.id,
    group: row.device_group,
    tenant: row.tenant,
    device: row.device,
    newcomer: row.newcomer !== 0,
    publicKeyDigest: row.public_key_digest,
    ...(row.serial_number === null ? {} : { serialNumber: row.serial_number }),
    ...(row.model === null ? {} : { model: row.model }),
    subject: row.subject,
    names: JSON.parse(row.names),
    credential: { kind: row.credential_kind as Credential['kind'], id: row.credential_id },
    ...(row.factory_subject === null ? {} : { factorySubject: row.factory_subject }),
    showsCode: row.code_hash !== null,
    wrongCodes: row.wrong_codes,
    otherKey: row.first_key !== null && row.first_key !== row.public_key_digest,
    asks: row.asks,
    source: row.source,
    state: row.state as StagedState,
    ...(row.confirmed_as === null ? {} : { confirmedAs: row.confirmed_as }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
    ...(row.decided_at === null ? {} : { decidedAt: new Date(row.decided_at) }),
    firstSeen: new Date(row.first_seen),
    lastSeen: new Date(row.last_seen),
    expiresAt: new Date(row.expires_at),
  };
}

/** Whom events about it are about: the tenant is known also where the device is not yet. */
export async function stagedSubject(
  db: Kysely<Database>,
  {
    device: id,
    tenant,
    device_group: group,
  }: Pick<StagedRow, 'device' | 'tenant' | 'device_group'>,
): Promise<EventSubject> {
  const known = await eventSubject(db, id);
  return known.tenant === null ? { id, tenant, described: { id, tenant, group } } : known;
}

/** What waits in the name of a removed device, and what was decided about it, is not its successor's. */
export async function forgetStaged(
  transaction: Kysely<Database>,
  device: string,
  at: Date,
): Promise<void> {
  const expires_at = at.toISOString();
  await transaction
    .updateTable('staged_device')
    .set({ expires_at })
    .where((eb) => eb.or([eb('device', '=', device), eb('confirmed_as', '=', device)]))
    .where('expires_at', '>', expires_at)
    .execute();
}
