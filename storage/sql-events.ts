import type { Selectable } from 'kysely';
import type {
  BestowEvent,
  EventFilter,
  Events,
  EventType,
  Sighting,
} from '../enrollment/events/event.ts';
import type { EventTable } from './database.ts';
import { announce, eventSubject, isAnnounced } from './outbox.ts';
import type { Transactions } from './transactions.ts';

/** Deleted at once at most, so that no write is long. */
const purgedAtOnce = 500;

export class SqlEvents implements Events {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  async list({ type, device, since, limit }: EventFilter): Promise<BestowEvent[]> {
    let query = this.#transactions.read.selectFrom('event').selectAll();
    if (type !== undefined) query = query.where('type', '=', type);
    if (device !== undefined) query = query.where('device', '=', device);
    if (since !== undefined) query = query.where('at', '>=', since.toISOString());
    const rows = await query.orderBy('sequence', 'desc').limit(limit).execute();
    return rows.map(eventOf);
  }

  async note(sightings: readonly Sighting[]): Promise<void> {
    if (sightings.length === 0 || !(await isAnnounced(this.#transactions.read))) return;
    await this.#transactions.write(async (transaction) => {
      for (const { type, device, at, data } of sightings) {
        const subject = await eventSubject(transaction, device);
        if (subject.tenant !== null) await announce(transaction, subject, { type, at, data });
      }
    });
  }

  async purge(before: Date): Promise<number> {
    const old = await this.#transactions.read
      .selectFrom('event')
      .select('sequence')
      .where('at', '<', before.toISOString())
      .orderBy('at')
      .limit(purgedAtOnce)
      .execute();
    if (old.length === 0) return 0;
    const sequences = old.map(({ sequence }) => sequence);
    await this.#transactions.write(async (transaction) => {
      await transaction.deleteFrom('webhook_delivery').where('event', 'in', sequences).execute();
      await transaction.deleteFrom('event').where('sequence', 'in', sequences).execute();
    });
    return sequences.length;
  }
}

export function eventOf(row: Selectable<EventTable>): BestowEvent {
  return {
    sequence: row.sequence,
    id: row.id,
    type: row.type as EventType,
    at: new Date(row.at),
    ...(row.tenant === null ? {} : { tenant: row.tenant }),
    ...(row.device === null ? {} : { device: row.device }),
    data: JSON.parse(row.data),
  };
}
