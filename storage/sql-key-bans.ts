import type { Kysely } from 'kysely';
import type { KeyBan, KeyBans } from '../enrollment/key-bans.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { announce, eventSubject, isAnnounced } from './outbox.ts';
import { rejectStaged } from './reject-staged.ts';
import { rejectApprovals } from './sql-approvals.ts';
import { stagedRows } from './staged-devices.ts';
import type { Transactions } from './transactions.ts';

type Transaction = Kysely<Database>;

export class SqlKeyBans implements KeyBans {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  ban(ban: KeyBan): Promise<boolean> {
    const { publicKeyDigest, reason, at, by } = ban;
    return this.#transactions.write(async (transaction) => {
      const added = await transaction
        .insertInto('banned_key')
        .values({
          public_key_digest: publicKeyDigest,
          reason: reason ?? null,
          banned_at: at.toISOString(),
          banned_by: by,
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (added.numInsertedOrUpdatedRows !== 1n) return false;
      const details = reason === undefined ? {} : { reason };
      const action = 'key.banned';
      await audit(transaction, { at, actor: by, action, object: publicKeyDigest, details });
      await rejectWaiting(transaction, ban);
      await announceBan(transaction, ban);
      return true;
    });
  }

  lift(publicKeyDigest: string, by: string, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const { numDeletedRows } = await transaction
        .deleteFrom('banned_key')
        .where('public_key_digest', '=', publicKeyDigest)
        .executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      const action = 'key.ban-lifted';
      await audit(transaction, { at, actor: by, action, object: publicKeyDigest });
      return true;
    });
  }

  async list(limit: number): Promise<KeyBan[]> {
    const rows = await this.#transactions.read
      .selectFrom('banned_key')
      .selectAll()
      .orderBy('banned_at', 'desc')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      publicKeyDigest: row.public_key_digest,
      ...(row.reason === null ? {} : { reason: row.reason }),
      at: new Date(row.banned_at),
      by: row.banned_by,
    }));
  }
}

/** Nobody is to be asked any more about what is barred. */
async function rejectWaiting(transaction: Transaction, ban: KeyBan): Promise<void> {
  const { publicKeyDigest, at, by, reason } = ban;
  const rejection = { reason: `The key is banned${reason ? `: ${reason}` : '.'}`, by, at };
  // One key stands there once for each device that it says it is, and those are bounded.
  const waiting = await stagedRows(transaction)
    .where('staged_device.public_key_digest', '=', publicKeyDigest)
    .where('staged_device.state', '=', 'pending')
    .where('staged_device.expires_at', '>', at.toISOString())
    .execute();
  for (const row of waiting) await rejectStaged(transaction, row, rejection);
  await rejectApprovals(transaction, publicKeyDigest, rejection);
}

const mostDevices = 16;

/** To those whose device has the key, or had. */
async function announceBan(
  transaction: Transaction,
  { publicKeyDigest, reason, at, by }: KeyBan,
): Promise<void> {
  if (!(await isAnnounced(transaction))) return;
  const devices = await transaction
    .selectFrom('device')
    .select('id')
    .where('first_key', '=', publicKeyDigest)
    .union((eb) =>
      eb
        .selectFrom('issuance')
        .select('issuance.subscriber as id')
        .where('issuance.public_key_digest', '=', publicKeyDigest)
        .where('issuance.subscriber', 'is not', null)
        .$castTo<{ id: string }>(),
    )
    .limit(mostDevices)
    .execute();
  const data = { publicKeyDigest, by, ...(reason === undefined ? {} : { reason }) };
  for (const { id } of devices)
    await announce(transaction, await eventSubject(transaction, id), {
      type: 'bestow.device.banned',
      at,
      data,
    });
}
