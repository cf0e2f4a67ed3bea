/**
 * The octets of CRLs, in pieces. A large CRL is written a piece at a time, each in a transaction of its own, and becomes a
 * CRL with the last of them: whoever enrolls waits for one piece at most. They are in the database, not in files beside it,
 * so that every node that serves the database can serve them.
 */

import type { Kysely } from 'kysely';
import type { Database } from './database.ts';
import type { Transactions } from './transactions.ts';

const pieceSize = 2 ** 20;
/** Milliseconds after which a draft is taken for one whose process has ended. */
const draftLife = 86_400_000;

export class CrlOctets {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  /**
   * Writes all but the last piece.
   * @returns what writes the last, in the transaction that makes a CRL of them
   */
  async write(
    id: string,
    der: Uint8Array,
    now: Date,
  ): Promise<(transaction: Kysely<Database>) => Promise<void>> {
    const last = Math.max(0, Math.ceil(der.length / pieceSize) - 1);
    const insert = (transaction: Kysely<Database>, piece: number) =>
      transaction
        .insertInto('crl_octets')
        .values({ id, piece, octets: der.subarray(piece * pieceSize, (piece + 1) * pieceSize) })
        .execute();
    if (last > 0) await this.#begin(id, now);
    for (let piece = 0; piece < last; piece++)
      await this.#transactions.write((transaction) => insert(transaction, piece));
    return async (transaction) => {
      await insert(transaction, last);
      if (last > 0) await transaction.deleteFrom('crl_draft').where('id', '=', id).execute();
    };
  }

  /** Takes back what was written of a CRL that another process was faster with. */
  async discard(id: string): Promise<void> {
    const draft = await this.#transactions.read
      .selectFrom('crl_draft')
      .select('id')
      .where('id', '=', id)
      .executeTakeFirst();
    if (draft) await this.#transactions.write((transaction) => remove(transaction, id));
  }

  /** In an ArrayBuffer of its own. @returns undefined where they are no longer all there */
  async read(id: string, size: number): Promise<Uint8Array | undefined> {
    const der = new Uint8Array(size);
    let at = 0;
    for (let piece = 0; at < size; piece++) {
      const row = await this.#transactions.read
        .selectFrom('crl_octets')
        .select('octets')
        .where('id', '=', id)
        .where('piece', '=', piece)
        .executeTakeFirst();
      if (!row) return undefined;
      der.set(row.octets, at);
      at += row.octets.length;
    }
    return der;
  }

  /** Clears away what a process left that ended amid its work. */
  #begin(id: string, now: Date): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      const left = await transaction
        .selectFrom('crl_draft')
        .select('id')
        .where('begun_at', '<', new Date(now.getTime() - draftLife).toISOString())
        .execute();
      for (const draft of left) await remove(transaction, draft.id);
      await transaction
        .insertInto('crl_draft')
        .values({ id, begun_at: now.toISOString() })
        .execute();
    });
  }
}

async function remove(transaction: Kysely<Database>, id: string): Promise<void> {
  await transaction.deleteFrom('crl_octets').where('id', '=', id).execute();
  await transaction.deleteFrom('crl_draft').where('id', '=', id).execute();
}
