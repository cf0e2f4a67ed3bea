import type { Kysely } from 'kysely';
import { compiledQuery } from './compiled-query.ts';
import type { AuditLogTable, Database } from './database.ts';

export interface AuditEntry {
  readonly at: Date;
  /** The device or the operator's account. */
  readonly actor: string;
  /** Noun and verb, such as `certificate.issued`. */
  readonly action: string;
  /** What was acted on: serial number, device id, credential id. */
  readonly object: string;
  readonly requestId?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

const insertEntry = compiledQuery(
  (db, { at, actor, action, object, request_id, details }: Omit<AuditLogTable, 'id'>) =>
    db.insertInto('audit_log').values({ at, actor, action, object, request_id, details }),
);

/** Writes one entry in the transaction of the change it reports: neither is ever there without the other. */
export async function audit(transaction: Kysely<Database>, entry: AuditEntry): Promise<void> {
  await insertEntry(transaction, {
    at: entry.at.toISOString(),
    actor: entry.actor,
    action: entry.action,
    object: entry.object,
    request_id: entry.requestId ?? null,
    details: JSON.stringify(entry.details ?? {}),
  });
}

/** The latest time of any entry. */
export async function latestAudited(db: Kysely<Database>): Promise<Date | undefined> {
  const row = await db.selectFrom('audit_clock').select('latest').executeTakeFirst();
  return row?.latest ? new Date(row.latest) : undefined;
}

/** For after the clock stood in the future: the latest time is this one, whatever was written before. */
export async function acceptClock(
  transaction: Kysely<Database>,
  at: Date,
  by: string,
): Promise<void> {
  const before = await latestAudited(transaction);
  await transaction.updateTable('audit_clock').set({ latest: at.toISOString() }).execute();
  const details = { before };
  await audit(transaction, { at, actor: by, action: 'clock.accepted', object: 'clock', details });
}
