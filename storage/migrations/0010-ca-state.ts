import { type Kysely, sql } from 'kysely';

/** What the CA consists of, once for each change: nothing of what it ever was is lost. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('ca_state')
    .addColumn('version', 'integer', (c) => c.primaryKey())
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('by', 'text', (c) => c.notNull())
    .execute();
  for (const change of ['update', 'delete'])
    await sql
      .raw(
        `create trigger ca_state_no_${change} before ${change} on ca_state
          begin select raise(abort, 'states of the CA are only ever added'); end`,
      )
      .execute(db);
}
