import { type CaState, noCa } from '../ca/ca-state.ts';
import type { CaStateChange, CaStateRecord, CaStateStore } from '../ca/ca-state-store.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Transactions } from './transactions.ts';

const newestVersion = compiledQuery((db, _: object) =>
  db.selectFrom('ca_state').select(({ fn }) => fn.max('version').as('version')),
);

export class SqlCaState implements CaStateStore {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  async load(): Promise<CaStateRecord> {
    const row = await this.#transactions.read
      .selectFrom('ca_state')
      .select(['version', 'document'])
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row
      ? { version: row.version, state: JSON.parse(row.document) as CaState }
      : { version: 0, state: noCa };
  }

  async version(): Promise<number> {
    const [row] = (await newestVersion(this.#transactions.read, {})).rows;
    return row?.version ?? 0;
  }

  save(version: number, state: CaState, change: CaStateChange): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const [row] = (await newestVersion(transaction, {})).rows;
      if ((row?.version ?? 0) !== version) return false;
      const { at, by, action, object, details = {} } = change;
      await transaction
        .insertInto('ca_state')
        .values({
          version: version + 1,
          document: JSON.stringify(state),
          at: at.toISOString(),
          by,
        })
        .execute();
      await audit(transaction, {
        at,
        actor: by,
        action,
        object,
        details: { ...details, version: version + 1 },
      });
      return true;
    });
  }
}
