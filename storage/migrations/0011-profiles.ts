import { type Kysely, sql } from 'kysely';

/** Certificate profiles as operators write them, and which version of each was activated when; nothing of it changes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('profile')
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('text', 'text', (c) => c.notNull())
    .addColumn('config', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('profile_version', ['name', 'version'])
    .execute();
  // The last activation of a name is the one that holds; without a version it is the built-in profile's.
  await db.schema
    .createTable('profile_activation')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', 'integer')
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('by', 'text', (c) => c.notNull())
    .addForeignKeyConstraint('profile_activated', ['name', 'version'], 'profile', [
      'name',
      'version',
    ])
    .execute();
  await db.schema
    .createIndex('profile_activation_name')
    .on('profile_activation')
    .columns(['name', 'id'])
    .execute();
  for (const table of ['profile', 'profile_activation'])
    for (const change of ['update', 'delete'])
      await sql
        .raw(
          `create trigger ${table}_no_${change} before ${change} on ${table}
            begin select raise(abort, 'versions of profiles and their activations are only ever added'); end`,
        )
        .execute(db);
}
