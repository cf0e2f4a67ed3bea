/**
 * Devices that are known by the first key they came with: what speaks against a certificate for it, asked again under the
 * write lock, and the pin that is set with the intent.
 */

import type { Kysely } from 'kysely';
import type { ForeseenIntent, Intent, IntentRefused } from '../ca/issuance-ledger.ts';
import { firstKeyMismatchOf } from '../enrollment/by-request-key.ts';
import type { Device } from '../enrollment/device.ts';
import type { ForeignKey } from '../enrollment/device-registry.ts';
import { isKnownByKey } from '../enrollment/provisioning.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { deviceWithSettings } from './device-with-settings.ts';
import { revokedSince } from './issuance-queries.ts';
import { groupToJoin, insertNewcomer } from './newcomers.ts';
import { announce } from './outbox.ts';
import { deviceOf } from './rows.ts';

type KeyIntent = Pick<
  ForeseenIntent,
  'credential' | 'subscriber' | 'registration' | 'publicKeyDigest' | 'recordedAt'
>;

export const deviceByFirstKey = compiledQuery(
  (db, { group, publicKeyDigest }: { group: string; publicKeyDigest: string }) =>
    db
      .selectFrom('device')
      .select('id')
      .where('first_key', '=', publicKeyDigest)
      .where('device_group', '=', group)
      .limit(1),
);

/** Whether this credential says nothing of a device but that its key is to be believed. */
export function isByKey({ credential: { kind } }: Pick<ForeseenIntent, 'credential'>): boolean {
  return kind === 'request-key' || kind === 'bootstrap-credential';
}

/** @returns undefined where the credential is another, or nothing speaks against the key */
export async function objectionToFirstKey(
  db: Kysely<Database>,
  intent: KeyIntent,
): Promise<IntentRefused | undefined> {
  if (!isByKey(intent)) return undefined;
  const { subscriber = '', publicKeyDigest: key, credential } = intent;
  const known = await deviceWithSettings(db, subscriber);
  const settings = known?.settings ?? (await groupToJoin(db, intent))?.settings;
  const possession = credential.kind === 'bootstrap-credential' ? credential.kind : undefined;
  const open =
    settings !== undefined &&
    isKnownByKey(settings) &&
    (settings.possession === 'bootstrap-credential') === (possession !== undefined);
  if (!open)
    return refused(
      'credential-spent',
      `Device ${subscriber} does not enroll without a credential of its own any more.`,
    );
  const { firstKey, firstKeyAt } = known?.device ?? {};
  if (firstKey === key && firstKeyAt && credential.kind === 'request-key') {
    const { rows } = await revokedSince(db, {
      device: subscriber,
      since: firstKeyAt.toISOString(),
    });
    if (rows.length > 0) return refused('certificate-revoked', revokedByKeyOf(subscriber));
  }
  // In the staging area a person says which key it is: objectionToUnconfirmed.
  if (settings.trust === 'staging') return undefined;
  if (firstKey !== undefined && firstKey !== key)
    return refused('first-key-mismatch', firstKeyMismatchOf(subscriber));
  return undefined;
}

function revokedByKeyOf(device: string): string {
  return `A certificate of device ${device} was revoked after it came with this key, which brings it no other: an operator lets it come again (\`bestow device reset-key ${device}\`).`;
}

/** Registers the device where it is not on record, and pins it to the key. @returns false where it is pinned to another */
export async function pinFirstKey(transaction: Kysely<Database>, intent: Intent): Promise<boolean> {
  const { subscriber = '', publicKeyDigest, recordedAt, requestId, registration } = intent;
  if (registration && !(await deviceWithSettings(transaction, subscriber)))
    await insertNewcomer(transaction, {
      id: subscriber,
      tenant: registration.tenant ?? '',
      group: registration.group ?? '',
      at: recordedAt,
      by: subscriber,
      requestId,
    });
  const before = await deviceWithSettings(transaction, subscriber);
  if (!before) return false;
  if (before.device.firstKey === publicKeyDigest) return true;
  const { numUpdatedRows } = await transaction
    .updateTable('device')
    .set({ first_key: publicKeyDigest, first_key_at: recordedAt.toISOString() })
    .where('id', '=', subscriber)
    .where('first_key', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return false;
  await auditPin(transaction, {
    device: subscriber,
    publicKeyDigest,
    at: recordedAt,
    by: subscriber,
    requestId,
  });
  return true;
}

export async function auditPin(
  transaction: Kysely<Database>,
  {
    device,
    publicKeyDigest,
    at,
    by,
    requestId,
  }: { device: string; publicKeyDigest: string; at: Date; by: string; requestId?: string },
): Promise<void> {
  await audit(transaction, {
    at,
    actor: by,
    action: 'device.first-key-pinned',
    object: device,
    ...(requestId === undefined ? {} : { requestId }),
    details: { publicKeyDigest },
  });
}

const followKey = compiledQuery(
  (db, { device, publicKeyDigest, at }: { device: string; publicKeyDigest: string; at: string }) =>
    db
      .updateTable('device')
      .set({ first_key: publicKeyDigest, first_key_at: at })
      .where('id', '=', device)
      // No key at all differs from none.
      .where('first_key', '!=', publicKeyDigest),
);

/** A device that renews with another key is known by that one from then on: the old one is to be of no use any more. */
export async function followRenewal(transaction: Kysely<Database>, intent: Intent): Promise<void> {
  const { credential, subscriber: device, publicKeyDigest, recordedAt } = intent;
  if (credential.kind !== 'client-certificate' || device === undefined) return;
  await followKey(transaction, { device, publicKeyDigest, at: recordedAt.toISOString() });
}

/** It is refused with it. */
export async function reportForeignKey(
  transaction: Kysely<Database>,
  key: ForeignKey,
): Promise<void> {
  if (!(await noteForeignKey(transaction, key))) return;
  const { device, publicKeyDigest, source, requestId, at } = key;
  const data = { code: 'first-key-mismatch', publicKeyDigest, source, requestId };
  await announce(transaction, device, { type: 'bestow.device.refused', at, data });
}

/**
 * A device that does not give up must not fill an audit log that only ever grows.
 * @returns false where it is the one that is on record already
 */
export async function noteForeignKey(
  transaction: Kysely<Database>,
  { device: id, publicKeyDigest, source, requestId, at }: ForeignKey,
): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable('device')
    .set({ foreign_key: publicKeyDigest })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('foreign_key', 'is', null), eb('foreign_key', '!=', publicKeyDigest)]))
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return false;
  const details = { publicKeyDigest, source };
  const action = 'device.foreign-key';
  await audit(transaction, { at, actor: id, action, object: id, requestId, details });
  return true;
}

export async function resetFirstKey(
  transaction: Kysely<Database>,
  id: string,
  by: string,
  at: Date,
): Promise<Device | undefined> {
  const before = await deviceWithSettings(transaction, id);
  if (!before) return undefined;
  const row = await transaction
    .updateTable('device')
    .set({ first_key: null, first_key_at: null, foreign_key: null })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  const { firstKey } = before.device;
  const details = firstKey === undefined ? {} : { publicKeyDigest: firstKey };
  await audit(transaction, { at, actor: by, action: 'device.key-reset', object: id, details });
  return deviceOf(row);
}

function refused(code: IntentRefused['code'], reason: string): IntentRefused {
  return { kind: 'refused', code, reason };
}
