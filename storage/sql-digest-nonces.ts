import type { DigestNonces, NonceUse } from '../enrollment/digest-nonces.ts';
import type { Transactions } from './transactions.ts';

export class SqlDigestNonces implements DigestNonces {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  claim({ nonce, count, expiresAt }: NonceUse, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      await transaction
        .deleteFrom('digest_nonce')
        .where('expires_at', '<=', at.toISOString())
        .execute();
      const claimed = await transaction
        .insertInto('digest_nonce')
        .values({ nonce, highest_count: count, expires_at: expiresAt.toISOString() })
        .onConflict((conflict) =>
          conflict
            .column('nonce')
            .doUpdateSet({ highest_count: count })
            .where('digest_nonce.highest_count', '<', count),
        )
        .returning('nonce')
        .executeTakeFirst();
      return claimed !== undefined;
    });
  }
}
