import { type Kysely, type Selectable, sql } from 'kysely';
import { typesMatching } from '../enrollment/events/event.ts';
import {
  type Delivery,
  type DeliveryState,
  type KnownWebhook,
  mostSecrets,
  type NewWebhook,
  type ReplayOrder,
  type SealedSecret,
  type Webhook,
  type WebhookCounts,
  type WebhookPurpose,
  type Webhooks,
} from '../enrollment/events/webhooks.ts';
import { audit } from './audit-trail.ts';
import type { Database, WebhookTable } from './database.ts';
import type { Transactions } from './transactions.ts';

type NewSecret = Omit<SealedSecret, 'expiresAt'>;

export class SqlWebhooks implements Webhooks {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  add(webhook: NewWebhook, secret: NewSecret, by: string): Promise<Webhook> {
    return this.#transactions.write(async (transaction) => {
      const { id, url, purpose, types, tenant } = webhook;
      const { createdAt: at } = secret;
      const newest = await transaction
        .selectFrom('event')
        .select(({ fn }) => fn.max('sequence').as('sequence'))
        .executeTakeFirst();
      const row = {
        id,
        url,
        purpose,
        types: JSON.stringify(types),
        tenant: tenant ?? null,
        state: 'active',
        reason: null,
        created_at: at.toISOString(),
        cursor: newest?.sequence ?? 0,
        taken_by: null,
        taken_until: null,
      };
      await transaction.insertInto('webhook').values(row).execute();
      await insertSecret(transaction, id, secret);
      const details = { url, purpose, types, tenant };
      await audit(transaction, { at, actor: by, action: 'webhook.added', object: id, details });
      return webhookOf(row);
    });
  }

  async find(id: string, at: Date): Promise<KnownWebhook | undefined> {
    const { read } = this.#transactions;
    const row = await rowOf(read, id);
    return row && { webhook: webhookOf(row), secrets: await liveSecrets(read, id, at) };
  }

  async list(): Promise<Webhook[]> {
    const { read } = this.#transactions;
    const rows = await read.selectFrom('webhook').selectAll().orderBy('created_at').execute();
    return rows.map(webhookOf);
  }

  setState(
    id: string,
    state: Webhook['state'],
    { reason, by, at }: { readonly reason?: string; readonly by: string; readonly at: Date },
  ): Promise<Webhook | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .updateTable('webhook')
        .set({ state, reason: reason ?? null })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const action = state === 'active' ? 'webhook.enabled' : 'webhook.disabled';
      const details = reason === undefined ? {} : { reason };
      await audit(transaction, { at, actor: by, action, object: id, details });
      return webhookOf(row);
    });
  }

  rotate(
    id: string,
    secret: NewSecret,
    { oldEnd, by }: { readonly oldEnd: Date; readonly by: string },
  ): Promise<'rotated' | 'unknown' | 'too-many'> {
    return this.#transactions.write(async (transaction) => {
      const { createdAt: at } = secret;
      if (!(await rowOf(transaction, id))) return 'unknown';
      const signing = oldEnd > at ? await liveSecrets(transaction, id, at) : [];
      if (signing.length >= mostSecrets) return 'too-many';
      const end = oldEnd.toISOString();
      await transaction
        .updateTable('webhook_secret')
        .set({ expires_at: end })
        .where('webhook', '=', id)
        .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', end)]))
        .execute();
      await transaction
        .deleteFrom('webhook_secret')
        .where('webhook', '=', id)
        .where('expires_at', '<=', at.toISOString())
        .execute();
      await insertSecret(transaction, id, secret);
      const details = { oldEnd };
      const action = 'webhook.secret-rotated';
      await audit(transaction, { at, actor: by, action, object: id, details });
      return 'rotated';
    });
  }

  remove(id: string, by: string, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      for (const table of ['webhook_delivery', 'webhook_secret'] as const)
        await transaction.deleteFrom(table).where('webhook', '=', id).execute();
      const { numDeletedRows } = await transaction
        .deleteFrom('webhook')
        .where('id', '=', id)
        .executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      await audit(transaction, { at, actor: by, action: 'webhook.removed', object: id });
      return true;
    });
  }

  async deliveries(
    id: string,
    { state, limit }: { state?: DeliveryState; limit: number },
  ): Promise<Delivery[]> {
    let query = this.#transactions.read
      .selectFrom('webhook_delivery')
      .innerJoin('event', 'event.sequence', 'webhook_delivery.event')
      .select(['event.id', 'event.type', 'event.device'])
      .selectAll('webhook_delivery')
      .where('webhook', '=', id);
    if (state !== undefined) query = query.where('state', '=', state);
    const rows = await query.orderBy('webhook_delivery.event', 'desc').limit(limit).execute();
    return rows.map((row) => ({
      event: row.id,
      type: row.type,
      ...(row.device === null ? {} : { device: row.device }),
      state: row.state as DeliveryState,
      attempts: row.attempts,
      ...(row.attempted_at === null ? {} : { attemptedAt: new Date(row.attempted_at) }),
      ...(row.next_attempt_at === null ? {} : { nextAttemptAt: new Date(row.next_attempt_at) }),
      ...(row.status === null ? {} : { status: row.status }),
      ...(row.problem === null ? {} : { problem: row.problem }),
    }));
  }

  async counts(id: string): Promise<WebhookCounts> {
    const rows = await this.#transactions.read
      .selectFrom('webhook_delivery')
      .select(({ fn }) => ['state', fn.countAll().as('count')])
      .where('webhook', '=', id)
      .groupBy('state')
      .execute();
    const counts = Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
    return { pending: 0, delivered: 0, dead: 0, ...counts };
  }

  replay(id: string, order: ReplayOrder, by: string, at: Date): Promise<number | undefined> {
    return this.#transactions.write(async (transaction) => {
      const row = await rowOf(transaction, id);
      if (!row) return undefined;
      const count =
        'dead' in order
          ? await reviveDead(transaction, id, at)
          : await deliverAgain(transaction, row, order, at);
      const details = { ...order, count };
      await audit(transaction, { at, actor: by, action: 'webhook.replayed', object: id, details });
      return count;
    });
  }
}

function rowOf(db: Kysely<Database>, id: string): Promise<Selectable<WebhookTable> | undefined> {
  return db.selectFrom('webhook').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function liveSecrets(
  db: Kysely<Database>,
  webhook: string,
  at: Date,
): Promise<SealedSecret[]> {
  const rows = await db
    .selectFrom('webhook_secret')
    .selectAll()
    .where('webhook', '=', webhook)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at.toISOString())]))
    .orderBy('created_at', 'desc')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    sealed: row.sealed,
    createdAt: new Date(row.created_at),
    ...(row.expires_at === null ? {} : { expiresAt: new Date(row.expires_at) }),
  }));
}

async function insertSecret(
  transaction: Kysely<Database>,
  webhook: string,
  { id, sealed, createdAt }: NewSecret,
): Promise<void> {
  const created_at = createdAt.toISOString();
  await transaction
    .insertInto('webhook_secret')
    .values({ id, webhook, sealed, created_at, expires_at: null })
    .execute();
}

async function reviveDead(
  transaction: Kysely<Database>,
  webhook: string,
  at: Date,
): Promise<number> {
  const { numUpdatedRows } = await transaction
    .updateTable('webhook_delivery')
    .set({ state: 'pending', attempts: 0, next_attempt_at: at.toISOString() })
    .where('webhook', '=', webhook)
    .where('state', '=', 'dead')
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Events that the webhook has not come to yet will be delivered anyway. */
async function deliverAgain(
  transaction: Kysely<Database>,
  { id, cursor, tenant, types }: Selectable<WebhookTable>,
  { since, until }: { readonly since: Date; readonly until?: Date },
  at: Date,
): Promise<number> {
  const now = at.toISOString();
  let events = transaction
    .selectFrom('event')
    .select([
      sql.val(id).as('webhook'),
      'sequence',
      sql.val('pending').as('state'),
      sql.val(0).as('attempts'),
      sql.val(now).as('next_attempt_at'),
    ])
    .where('at', '>=', since.toISOString())
    .where('sequence', '<=', cursor)
    .where('type', 'in', typesMatching(JSON.parse(types)));
  if (until !== undefined) events = events.where('at', '<', until.toISOString());
  if (tenant !== null) events = events.where('tenant', '=', tenant);
  const { numInsertedOrUpdatedRows = 0n } = await transaction
    .insertInto('webhook_delivery')
    .columns(['webhook', 'event', 'state', 'attempts', 'next_attempt_at'])
    .expression(events)
    .onConflict((conflict) =>
      conflict
        .columns(['webhook', 'event'])
        .doUpdateSet({ state: 'pending', attempts: 0, next_attempt_at: now }),
    )
    .executeTakeFirst();
  return Number(numInsertedOrUpdatedRows);
}

export function webhookOf(row: Selectable<WebhookTable>): Webhook {
  return {
    id: row.id,
    url: row.url,
    purpose: row.purpose as WebhookPurpose,
    types: JSON.parse(row.types),
    ...(row.tenant === null ? {} : { tenant: row.tenant }),
    state: row.state === 'active' ? 'active' : 'disabled',
    ...(row.reason === null ? {} : { reason: row.reason }),
    createdAt: new Date(row.created_at),
  };
}
