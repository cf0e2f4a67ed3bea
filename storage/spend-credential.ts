/** What a credential is worth when an intent is recorded, and that it is worth nothing more afterwards. */

import type { Kysely } from 'kysely';
import type { ForeseenIntent, Intent } from '../ca/issuance-ledger.ts';
import { useBootstrapCredential } from './bootstrap-uses.ts';
import type { Database } from './database.ts';
import { useFactoryCertificate } from './factory-certificates.ts';
import { followRenewal, isByKey, pinFirstKey } from './first-keys.ts';
import {
  spendOneTimePassword,
  unspentOneTimePassword,
  validCertificate,
} from './issuance-queries.ts';

/** Single use is a conditional UPDATE: of any number of racing requests, one changes the row. */
export async function spendCredential(
  transaction: Kysely<Database>,
  intent: Intent,
): Promise<boolean> {
  const { credential, recordedAt, subscriber: device = '' } = intent;
  if (credential.kind === 'factory-certificate') return useFactoryCertificate(transaction, intent);
  if (isByKey(intent)) return spendByKey(transaction, intent);
  if (credential.kind !== 'one-time-password') {
    await followRenewal(transaction, intent);
    return credentialServes(transaction, intent);
  }
  const publicKeyDigest = intent.requestKeyDigest ?? intent.publicKeyDigest;
  const values = { id: credential.id, device, publicKeyDigest, now: recordedAt.toISOString() };
  return (await spendOneTimePassword(transaction, values)).rows.length === 1;
}

async function spendByKey(transaction: Kysely<Database>, intent: Intent): Promise<boolean> {
  if (intent.credential.kind !== 'bootstrap-credential') return pinFirstKey(transaction, intent);
  if (!(await useBootstrapCredential(transaction, intent))) return false;
  // Nobody counts without getting something for it.
  if (!(await pinFirstKey(transaction, intent)))
    throw new Error(`The device ${intent.subscriber} could not be pinned to its key.`);
  return true;
}

/** The same without writing anything. */
export async function credentialServes(
  db: Kysely<Database>,
  intent: ForeseenIntent,
): Promise<boolean> {
  const { credential, recordedAt, subscriber = '', relayedBy = '' } = intent;
  const { kind, id } = credential;
  const now = recordedAt.toISOString();
  switch (kind) {
    case 'operator':
    // Judged before, with the reason: objectionToFactoryUse, objectionToFirstKey, objectionToBootstrapUse.
    case 'factory-certificate':
    case 'bootstrap-credential':
    case 'request-key':
      return true;
    case 'one-time-password':
      return (await unspentOneTimePassword(db, { id, device: subscriber, now })).rows.length === 1;
    case 'client-certificate':
    case 'registration-authority': {
      const holder = kind === 'registration-authority' ? relayedBy : subscriber;
      const values = { serialNumber: id, subscriber: holder, now };
      return (await validCertificate(db, values)).rows.length === 1;
    }
  }
}
