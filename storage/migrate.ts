/**
 * Brings a database to the schema of this program; refuses one that a newer program has written.
 */

import { type Kysely, type Migration, Migrator } from 'kysely';
import type { Database } from './database.ts';
import * as registryAndLedger from './migrations/0001-registry-and-ledger.ts';
import * as groupLinking from './migrations/0002-group-linking.ts';
import * as groupSettings from './migrations/0003-group-settings.ts';
import * as digestAuthentication from './migrations/0004-digest-authentication.ts';
import * as deviceKeys from './migrations/0005-device-keys.ts';
import * as cmc from './migrations/0006-cmc.ts';
import * as crl from './migrations/0007-crl.ts';
import * as revocation from './migrations/0008-revocation.ts';
import * as approvalExpiry from './migrations/0009-approval-expiry.ts';
import * as caState from './migrations/0010-ca-state.ts';
import * as profiles from './migrations/0011-profiles.ts';
import * as crlPartitions from './migrations/0012-crl-partitions.ts';
import * as restoration from './migrations/0013-restoration.ts';
import * as allocation from './migrations/0014-allocation.ts';
import * as manufacturers from './migrations/0015-manufacturers.ts';
import * as pairingCodes from './migrations/0016-pairing-codes.ts';
import * as events from './migrations/0017-events.ts';
import * as campaigns from './migrations/0018-campaigns.ts';
import * as provisioning from './migrations/0019-provisioning.ts';
import * as bootstrapCredentials from './migrations/0020-bootstrap-credentials.ts';
import * as staging from './migrations/0021-staging.ts';

const migrations: Record<string, Migration> = {
  '0001-registry-and-ledger': registryAndLedger,
  '0002-group-linking': groupLinking,
  '0003-group-settings': groupSettings,
  '0004-digest-authentication': digestAuthentication,
  '0005-device-keys': deviceKeys,
  '0006-cmc': cmc,
  '0007-crl': crl,
  '0008-revocation': revocation,
  '0009-approval-expiry': approvalExpiry,
  '0010-ca-state': caState,
  '0011-profiles': profiles,
  '0012-crl-partitions': crlPartitions,
  '0013-restoration': restoration,
  '0014-allocation': allocation,
  '0015-manufacturers': manufacturers,
  '0016-pairing-codes': pairingCodes,
  '0017-events': events,
  '0018-campaigns': campaigns,
  '0019-provisioning': provisioning,
  '0020-bootstrap-credentials': bootstrapCredentials,
  '0021-staging': staging,
};

/** The database cannot be used by this program as it is. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

function migratorOf(db: Kysely<Database>): Migrator {
  return new Migrator({ db, provider: { getMigrations: async () => migrations } });
}

/** @throws SchemaError */
export async function migrate(db: Kysely<Database>): Promise<void> {
  await refuseNewerSchema(db);
  const { error } = await migratorOf(db).migrateToLatest();
  if (error)
    throw new SchemaError('The database could not be brought up to date.', { cause: error });
}

async function refuseNewerSchema(db: Kysely<Database>): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === 'kysely_migration')) return;
  const applied = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .execute();
  const unknown = applied.filter(({ name }) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0)
    throw new SchemaError(
      `The database was written by a newer version of Bestow (migration ${unknown[0]?.name}); use that version.`,
    );
}
