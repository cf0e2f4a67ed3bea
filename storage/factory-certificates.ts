/**
 * What the registry says of a factory certificate when a certificate is issued for it: asked again under the write lock, and
 * pinned to the device with the intent.
 */

import type { Kysely } from 'kysely';
import type { ForeseenIntent, Intent, IntentRefused } from '../ca/issuance-ledger.ts';
import { objectionToOwner } from '../enrollment/by-factory-certificate.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { deviceWithSettings } from './device-with-settings.ts';

type FactoryIntent = Pick<ForeseenIntent, 'credential' | 'subscriber'>;

/** @returns undefined where the credential is another, or nothing speaks against it */
export async function objectionToFactoryUse(
  db: Kysely<Database>,
  { credential: { kind, id: key }, subscriber = '' }: FactoryIntent,
): Promise<IntentRefused | undefined> {
  if (kind !== 'factory-certificate') return undefined;
  const known = await deviceWithSettings(db, subscriber);
  if (!known?.device.manufacturer || known.settings.identity !== 'factory-certificate')
    return refused(
      'credential-spent',
      `Device ${subscriber} does not enroll by a factory certificate any more.`,
    );
  const { device, settings } = known;
  const objection = objectionToOwner(device, { label: device.group, settings });
  if (objection) return refused('credential-spent', objection);
  if (device.factoryKey !== undefined && device.factoryKey !== key)
    return refused(
      'factory-key-mismatch',
      `Device ${subscriber} enrolled with another factory key before.`,
    );
  if (await holderOfKey(db, key, subscriber))
    return refused('factory-key-mismatch', 'The factory key is that of another device.');
  return settings.factoryUse === 'once' && device.factoryUsedAt
    ? refused(
        'factory-certificate-used',
        `Device ${subscriber} has enrolled by its factory certificate before: it renews with the certificate it got then, or an operator lets it enroll again (\`bestow device reset-factory ${subscriber}\`).`,
      )
    : undefined;
}

/**
 * Since when a certificate that this factory certificate brought is the answer to a repeated request: since it was first
 * used or reset, where it is for one certificate alone.
 */
export async function repeatedSince(
  db: Kysely<Database>,
  { subscriber = '' }: FactoryIntent,
  windowBegins: Date,
): Promise<Date | undefined> {
  const known = await deviceWithSettings(db, subscriber);
  const usedAt = known?.device.factoryUsedAt;
  if (!usedAt) return undefined;
  return known.settings.factoryUse === 'once' || usedAt > windowBegins ? usedAt : windowBegins;
}

/** Pins the device to the key. @returns false where the device is gone */
export async function useFactoryCertificate(
  transaction: Kysely<Database>,
  { credential: { id: key }, subscriber = '', recordedAt, requestId }: Intent,
): Promise<boolean> {
  const known = await deviceWithSettings(transaction, subscriber);
  if (!known) return false;
  const { factoryKey, factoryUsedAt = recordedAt } = known.device;
  await transaction
    .updateTable('device')
    .set({ factory_key: key, factory_used_at: factoryUsedAt.toISOString() })
    .where('id', '=', subscriber)
    .execute();
  if (factoryKey === undefined)
    await audit(transaction, {
      at: recordedAt,
      actor: subscriber,
      action: 'device.factory-key-pinned',
      object: subscriber,
      requestId,
      details: { publicKeyDigest: key },
    });
  return true;
}

async function holderOfKey(db: Kysely<Database>, key: string, except: string): Promise<boolean> {
  const row = await db
    .selectFrom('device')
    .select('id')
    .where('factory_key', '=', key)
    .where('id', '!=', except)
    .executeTakeFirst();
  return row !== undefined;
}

function refused(code: IntentRefused['code'], reason: string): IntentRefused {
  return { kind: 'refused', code, reason };
}
