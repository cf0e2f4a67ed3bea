import { type Kysely, sql } from 'kysely';

/** Tenants, groups, devices, one-time passwords, the issuance ledger, the audit log. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tenant')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('endpoints', 'text', (c) => c.notNull())
    .addColumn('suspended', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('device_group')
    .addColumn('label', 'text', (c) => c.primaryKey())
    .addColumn('tenant', 'text', (c) => c.notNull().references('tenant.id'))
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('device')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('tenant', 'text', (c) => c.notNull().references('tenant.id'))
    .addColumn('device_group', 'text', (c) => c.notNull().references('device_group.label'))
    .addColumn('serial_number', 'text')
    .addColumn('names', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('device_tenant').on('device').column('tenant').execute();
  await db.schema
    .createTable('one_time_password')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('password_hash', 'text', (c) => c.notNull().unique())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .addColumn('spent_at', 'text')
    .addColumn('public_key_digest', 'text')
    .execute();
  await db.schema
    .createIndex('one_time_password_device')
    .on('one_time_password')
    .column('device')
    .execute();
  await createIssuance(db);
  await createAuditLog(db);
  await db.schema
    .createTable('authentication_failure')
    .addColumn('bucket', 'text', (c) => c.primaryKey())
    .addColumn('failures', 'integer', (c) => c.notNull())
    .addColumn('window_ends', 'text', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('authentication_failure_window')
    .on('authentication_failure')
    .column('window_ends')
    .execute();
}

async function createIssuance(db: Kysely<unknown>): Promise<void> {
  const octets = sql`blob`;
  await db.schema
    .createTable('issuance')
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('serial_number', 'text', (c) => c.notNull())
    .addColumn('to_be_signed', octets, (c) => c.notNull())
    .addColumn('certificate', octets)
    .addColumn('public_key_digest', 'text', (c) => c.notNull())
    .addColumn('request_digest', 'text', (c) => c.notNull())
    .addColumn('profile', 'text', (c) => c.notNull())
    .addColumn('subscriber', 'text')
    .addColumn('credential_kind', 'text', (c) => c.notNull())
    .addColumn('credential_id', 'text', (c) => c.notNull())
    .addColumn('not_before', 'text', (c) => c.notNull())
    .addColumn('not_after', 'text', (c) => c.notNull())
    .addColumn('request_id', 'text', (c) => c.notNull())
    .addColumn('recorded_at', 'text', (c) => c.notNull())
    .addColumn('issued_at', 'text')
    .addColumn('revoked_at', 'text')
    .addColumn('revocation_reason', 'text')
    .addPrimaryKeyConstraint('issuance_serial_number', ['issuer', 'serial_number'])
    .execute();
  const indexes = {
    issuance_subscriber: ['subscriber', 'recorded_at'],
    issuance_credential: ['credential_id', 'credential_kind'],
    issuance_public_key: ['public_key_digest'],
  };
  for (const [name, columns] of Object.entries(indexes))
    await db.schema.createIndex(name).on('issuance').columns(columns).execute();
}

async function createAuditLog(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit_log')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('object', 'text', (c) => c.notNull())
    .addColumn('request_id', 'text')
    .addColumn('details', 'text', (c) => c.notNull())
    .execute();
  // What was written down stays written down, also against a slip of our own.
  for (const change of ['update', 'delete'])
    await sql
      .raw(
        `create trigger audit_log_no_${change} before ${change} on audit_log
         begin select raise(abort, 'the audit log is append-only'); end`,
      )
      .execute(db);
}
