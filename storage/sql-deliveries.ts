import type { Kysely, Selectable } from 'kysely';
import type {
  AttemptOutcome,
  Deliveries,
  DueDelivery,
  Turn,
} from '../enrollment/events/deliveries.ts';
import { typesMatching } from '../enrollment/events/event.ts';
import type { KnownWebhook } from '../enrollment/events/webhooks.ts';
import type { Database, WebhookTable } from './database.ts';
import { eventOf } from './sql-events.ts';
import { liveSecrets, webhookOf } from './sql-webhooks.ts';
import type { Transactions } from './transactions.ts';

/** Events that are looked at in one turn: more than are delivered, and no long work under the write lock. */
const eventsAtOnce = 1000;

export class SqlDeliveries implements Deliveries {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  async waiting(at: Date): Promise<string[]> {
    const now = at.toISOString();
    const rows = await this.#transactions.read
      .selectFrom('webhook')
      .select('id')
      .where('state', '=', 'active')
      .where('purpose', '=', 'events')
      .where((eb) => eb.or([eb('taken_until', 'is', null), eb('taken_until', '<=', now)]))
      .where((eb) =>
        eb.or([
          eb.exists(
            eb.selectFrom('event').select('sequence').whereRef('sequence', '>', 'webhook.cursor'),
          ),
          eb.exists(
            eb
              .selectFrom('webhook_delivery')
              .select('event')
              .whereRef('webhook_delivery.webhook', '=', 'webhook.id')
              .where('webhook_delivery.state', '=', 'pending')
              .where('next_attempt_at', '<=', now),
          ),
        ]),
      )
      .execute();
    return rows.map(({ id }) => id);
  }

  begin(turn: Turn): Promise<(KnownWebhook & { readonly due: DueDelivery[] }) | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await takeTurn(transaction, turn);
      if (!row) return undefined;
      await spread(transaction, row, turn);
      return {
        webhook: webhookOf(row),
        secrets: await liveSecrets(transaction, row.id, turn.at),
        due: await dueOf(transaction, turn),
      };
    });
  }

  finish(
    { webhook, by }: Pick<Turn, 'webhook' | 'by'>,
    outcomes: readonly AttemptOutcome[],
  ): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      for (const outcome of outcomes) await recordAttempt(transaction, webhook, outcome);
      await transaction
        .updateTable('webhook')
        .set({ taken_by: null, taken_until: null })
        .where('id', '=', webhook)
        .where('taken_by', '=', by)
        .execute();
    });
  }
}

function takeTurn(
  transaction: Kysely<Database>,
  { webhook, by, at, until }: Turn,
): Promise<Selectable<WebhookTable> | undefined> {
  return transaction
    .updateTable('webhook')
    .set({ taken_by: by, taken_until: until.toISOString() })
    .where('id', '=', webhook)
    .where('state', '=', 'active')
    .where('purpose', '=', 'events')
    .where((eb) =>
      eb.or([
        eb('taken_until', 'is', null),
        eb('taken_until', '<=', at.toISOString()),
        eb('taken_by', '=', by),
      ]),
    )
    .returningAll()
    .executeTakeFirst();
}

/** Makes deliveries of the events that are new to the webhook, and moves it on past them. */
async function spread(
  transaction: Kysely<Database>,
  { id, cursor, tenant, types }: Selectable<WebhookTable>,
  { at }: Turn,
): Promise<void> {
  const events = await transaction
    .selectFrom('event')
    .select(['sequence', 'type', 'tenant'])
    .where('sequence', '>', cursor)
    .orderBy('sequence')
    .limit(eventsAtOnce)
    .execute();
  const last = events.at(-1);
  if (!last) return;
  const wanted: ReadonlySet<string> = new Set(typesMatching(JSON.parse(types)));
  for (const event of events)
    if (wanted.has(event.type) && (tenant === null || tenant === event.tenant))
      await transaction
        .insertInto('webhook_delivery')
        .values({ webhook: id, event: event.sequence, ...pendingSince(at) })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
  await transaction
    .updateTable('webhook')
    .set({ cursor: last.sequence })
    .where('id', '=', id)
    .execute();
}

/** A delivery that nobody has tried. */
export function pendingSince(at: Date) {
  return {
    state: 'pending',
    attempts: 0,
    next_attempt_at: at.toISOString(),
    attempted_at: null,
    status: null,
    problem: null,
  };
}

async function dueOf(
  transaction: Kysely<Database>,
  { webhook, at, limit }: Turn,
): Promise<DueDelivery[]> {
  const rows = await transaction
    .selectFrom('webhook_delivery')
    .innerJoin('event', 'event.sequence', 'webhook_delivery.event')
    .selectAll('event')
    .select('webhook_delivery.attempts')
    .where('webhook_delivery.webhook', '=', webhook)
    .where('webhook_delivery.state', '=', 'pending')
    .where('webhook_delivery.next_attempt_at', '<=', at.toISOString())
    .orderBy('event.sequence')
    .limit(limit)
    .execute();
  return rows.map(({ attempts, ...event }) => ({ event: eventOf(event), attempts }));
}

/** What was delivered by another meanwhile stays delivered. */
async function recordAttempt(
  transaction: Kysely<Database>,
  webhook: string,
  { sequence, at, status, problem, nextAttemptAt, delivered }: AttemptOutcome,
): Promise<void> {
  await transaction
    .updateTable('webhook_delivery')
    .set((eb) => ({
      state: delivered ? 'delivered' : nextAttemptAt ? 'pending' : 'dead',
      attempts: eb('attempts', '+', 1),
      attempted_at: at.toISOString(),
      next_attempt_at: nextAttemptAt?.toISOString() ?? null,
      status: status ?? null,
      problem: problem ?? null,
    }))
    .where('webhook', '=', webhook)
    .where('event', '=', sequence)
    .where('state', '=', 'pending')
    .execute();
}
