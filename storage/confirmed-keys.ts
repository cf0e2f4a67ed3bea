/** Keys that a person has confirmed: asked again under the write lock, for whatever credential a device first comes with. */

import type { Kysely } from 'kysely';
import type { ForeseenIntent, IntentRefused } from '../ca/issuance-ledger.ts';
import { isFirstCredential } from '../enrollment/staging-area.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { groupOf } from './rows.ts';

type FirstIntent = Pick<
  ForeseenIntent,
  'credential' | 'subscriber' | 'registration' | 'relayedBy' | 'publicKeyDigest'
>;

const keyOfDevice = compiledQuery((db, { device }: { device: string }) =>
  db
    .selectFrom('device')
    .innerJoin('device_group', 'device_group.label', 'device.device_group')
    .select(['device.first_key', 'device_group.settings'])
    .select(['device_group.label', 'device_group.tenant'])
    .where('device.id', '=', device),
);

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
  const [known] = (await keyOfDevice(db, { device: subscriber })).rows;
  const group = known ?? (await groupToJoin(db, intent));
  if (group && groupOf(group).settings.trust !== 'staging') return undefined;
  // A key that is still to be made is confirmed by nobody.
  if (known && publicKeyDigest !== undefined && known.first_key === publicKeyDigest)
    return undefined;
  return {
    kind: 'refused',
    code: 'key-unconfirmed',
    reason: `No person has confirmed this key of device ${subscriber} (\`bestow pending list\`).`,
  };
}

function groupToJoin(db: Kysely<Database>, { registration }: FirstIntent) {
  return db
    .selectFrom('device_group')
    .select(['label', 'tenant', 'settings'])
    .where('label', '=', registration?.group ?? '')
    .executeTakeFirst();
}
