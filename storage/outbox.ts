/**
 * Events, in the transaction of the change they report: neither is ever there without the other. While nobody has subscribed
 * to any, none is written, and that costs one look at a table that is empty.
 */

import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { EventData, EventType } from '../enrollment/events/event.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database, EventTable } from './database.ts';
import { deviceOf } from './rows.ts';

export interface NewEvent {
  readonly type: EventType;
  readonly at: Date;
  readonly data: EventData;
}

/** Whom an event is about; nobody for the server's own certificates. */
export interface EventSubject {
  readonly id: string;
  readonly tenant: string | null;
  /** As the registry knows it. */
  readonly described: EventData;
}

const anySubscription = compiledQuery((db, _: object) =>
  db.selectFrom('webhook').select('id').where('purpose', '=', 'events').limit(1),
);

const deviceById = compiledQuery((db, { id }: { id: string }) =>
  db.selectFrom('device').selectAll().where('id', '=', id),
);

const insertEvent = compiledQuery(
  (db, { id, type, at, tenant, device, data }: Omit<EventTable, 'sequence'>) =>
    db.insertInto('event').values({ id, type, at, tenant, device, data }),
);

/** Whether anybody wants events. A subscription that is disabled counts: it may be enabled again. */
export async function isAnnounced(db: Kysely<Database>): Promise<boolean> {
  return (await anySubscription(db, {})).rows.length > 0;
}

/** What the registry says of a device now; of one that it does not know, the id. */
export async function eventSubject(db: Kysely<Database>, id: string): Promise<EventSubject> {
  const [row] = (await deviceById(db, { id })).rows;
  if (!row) return { id, tenant: null, described: { id } };
  return { id, tenant: row.tenant, described: { ...deviceOf(row) } };
}

/**
 * After a restoration: numbers that the copy does not know of may have been given to others, and those who were told would
 * take new events for old ones. They go on from the milliseconds since 1970, as those of CRLs do.
 */
export async function skipEventNumbers(transaction: Kysely<Database>, at: Date): Promise<void> {
  const newest = await transaction
    .selectFrom('event')
    .select(({ fn }) => fn.max('sequence').as('sequence'))
    .executeTakeFirst();
  const next = Math.max(at.getTime(), newest?.sequence ?? 0);
  await sql`delete from sqlite_sequence where name = 'event'`.execute(transaction);
  await sql`insert into sqlite_sequence (name, seq) values ('event', ${next})`.execute(transaction);
}

/** @param device its id, or what was known of it before the change */
export async function announce(
  transaction: Kysely<Database>,
  device: string | EventSubject | null,
  ...events: readonly NewEvent[]
): Promise<void> {
  if (events.length === 0 || !(await isAnnounced(transaction))) return;
  const subject = typeof device === 'string' ? await eventSubject(transaction, device) : device;
  for (const { type, at, data } of events)
    await insertEvent(transaction, {
      id: randomUUID(),
      type,
      at: at.toISOString(),
      tenant: subject?.tenant ?? null,
      device: subject?.id ?? null,
      data: JSON.stringify({ ...(subject ? { device: subject.described } : {}), ...data }),
    });
}
