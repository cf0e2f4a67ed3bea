import type { Kysely } from 'kysely';
import type { Rejection, StagedDevice } from '../enrollment/staging-area.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { announce } from './outbox.ts';
import { type StagedRow, stagedDeviceOf, stagedSubject } from './staged-devices.ts';

/** Rejects an entry that is pending. */
export async function rejectStaged(
  transaction: Kysely<Database>,
  row: StagedRow,
  { reason, by, at }: Rejection,
): Promise<StagedDevice> {
  const { id, device, public_key_digest: publicKeyDigest } = row;
  const decided = {
    state: 'rejected',
    reason: reason ?? null,
    decided_by: by,
    decided_at: at.toISOString(),
  };
  await transaction.updateTable('staged_device').set(decided).where('id', '=', id).execute();
  const why = reason === undefined ? {} : { reason };
  const details = { device, publicKeyDigest, ...why };
  await audit(transaction, { at, actor: by, action: 'device.rejected', object: id, details });
  const data = { request: id, publicKeyDigest, by, ...why };
  const subject = await stagedSubject(transaction, row);
  await announce(transaction, subject, { type: 'bestow.device.rejected', at, data });
  return stagedDeviceOf({ ...row, ...decided });
}
