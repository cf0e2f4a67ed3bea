/** Keys that a person has confirmed: asked again under the write lock, for whatever credential a device first comes with. */

import type { Kysely } from 'kysely';
import type { ForeseenIntent, IntentRefused } from '../ca/issuance-ledger.ts';
import { isFirstCredential } from '../enrollment/staging-area.ts';
import type { Database } from './database.ts';
import { deviceWithSettings } from './device-with-settings.ts';
import { groupToJoin } from './newcomers.ts';

type FirstIntent = Pick<
  ForeseenIntent,
  'credential' | 'subscriber' | 'registration' | 'relayedBy' | 'publicKeyDigest'
>;

/**
 * @returns undefined where the group has no staging area, the credential needs no confirmation, or a registration authority
 * stands for the device
 */
export async function objectionToUnconfirmed(
  db: Kysely<Database>,
  intent: FirstIntent,
): Promise<IntentRefused | undefined> {
  const { credential, subscriber = '', relayedBy, publicKeyDigest } = intent;
  if (!isFirstCredential(credential) || relayedBy !== undefined) return undefined;
  const known = await deviceWithSettings(db, subscriber);
  const settings = known?.settings ?? (await groupToJoin(db, intent))?.settings;
  if (settings && settings.trust !== 'staging') return undefined;
  // A key that is still to be made is confirmed by nobody.
  if (known && publicKeyDigest !== undefined && known.device.firstKey === publicKeyDigest)
    return undefined;
  return {
    kind: 'refused',
    code: 'key-unconfirmed',
    reason: `No person has confirmed this key of device ${subscriber} (\`bestow pending list\`).`,
  };
}
