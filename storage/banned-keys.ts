/** Keys that are barred: asked under the write lock for the key that is to be certified, and for that of the credential. */

import type { Kysely } from 'kysely';
import type { ForeseenIntent, IntentRefused } from '../ca/issuance-ledger.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';

const bannedKey = compiledQuery(
  (
    db,
    {
      key,
      credentialKey,
      serialNumber,
      holder,
    }: { key: string; credentialKey: string; serialNumber: string; holder: string },
  ) =>
    db
      .selectFrom('banned_key')
      .select(['public_key_digest', 'reason'])
      .where((eb) =>
        eb.or([
          eb('public_key_digest', 'in', [key, credentialKey]),
          eb('public_key_digest', 'in', (certificate) =>
            certificate
              .selectFrom('issuance')
              .select('issuance.public_key_digest')
              .where('issuance.subscriber', '=', holder)
              .where('issuance.serial_number', '=', serialNumber),
          ),
        ]),
      )
      .limit(1),
);

type KeyIntent = Partial<
  Pick<ForeseenIntent, 'credential' | 'publicKeyDigest' | 'subscriber' | 'relayedBy'>
>;

/** @returns undefined where neither key is barred */
export async function objectionToBannedKey(
  db: Kysely<Database>,
  { publicKeyDigest: key = '', credential, subscriber = '', relayedBy = '' }: KeyIntent,
): Promise<IntentRefused | undefined> {
  const { kind, id = '' } = credential ?? {};
  const byAuthority = kind === 'registration-authority';
  const [row] = (
    await bannedKey(db, {
      key,
      credentialKey: kind === 'factory-certificate' ? id : '',
      serialNumber: byAuthority || kind === 'client-certificate' ? id : '',
      holder: byAuthority ? relayedBy : subscriber,
    })
  ).rows;
  if (!row) return undefined;
  const whose = row.public_key_digest === key ? 'The public key' : 'The key of the credential';
  return {
    kind: 'refused',
    code: 'key-banned',
    reason: `${whose} is banned${row.reason === null ? '.' : `: ${row.reason}`}`,
  };
}
