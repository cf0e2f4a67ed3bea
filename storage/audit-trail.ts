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
