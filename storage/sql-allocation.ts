import type { Kysely } from 'kysely';
import type {
  AllocationDirectory,
  EndpointDown,
  PolicyOnRecord,
} from '../enrollment/allocation/allocation-directory.ts';
import type { AllocationPolicy } from '../enrollment/allocation/allocation-policy.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { findGroup } from './sql-groups.ts';
import type { Transactions } from './transactions.ts';

const revisionNumber = compiledQuery((db, _: object) =>
  db.selectFrom('allocation_revision').select('number'),
);

export class SqlAllocation implements AllocationDirectory {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  async revision(): Promise<number> {
    const [row] = (await revisionNumber(this.#transactions.read, {})).rows;
    if (!row) throw new Error('The revision of allocation is missing in the database.');
    return row.number;
  }

  async policies(): Promise<PolicyOnRecord[]> {
    const rows = await this.#transactions.read
      .selectFrom('allocation_policy')
      .selectAll()
      .orderBy('label')
      .execute();
    return rows.map(({ label, policy, set_at: setAt, set_by: setBy }) => ({
      label,
      policy: JSON.parse(policy) as AllocationPolicy,
      setAt: new Date(setAt),
      setBy,
    }));
  }

  setPolicy(
    label: string,
    policy: AllocationPolicy | undefined,
    by: string,
    at: Date,
  ): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      if (!(await findGroup(transaction, label))) return false;
      await transaction.deleteFrom('allocation_policy').where('label', '=', label).execute();
      if (policy)
        await transaction
          .insertInto('allocation_policy')
          .values({ label, policy: JSON.stringify(policy), set_at: at.toISOString(), set_by: by })
          .execute();
      await countRevision(transaction);
      const action = policy ? 'allocation.set' : 'allocation.reset';
      await audit(transaction, { at, actor: by, action, object: label, details: { ...policy } });
      return true;
    });
  }

  async down(): Promise<EndpointDown[]> {
    const rows = await this.#transactions.read
      .selectFrom('endpoint_down')
      .selectAll()
      .orderBy('endpoint')
      .execute();
    return rows.map(({ endpoint, since, by }) => ({ endpoint, since: new Date(since), by }));
  }

  mark(endpoint: string, state: 'up' | 'down', by: string, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const changed =
        state === 'down'
          ? (
              await transaction
                .insertInto('endpoint_down')
                .values({ endpoint, since: at.toISOString(), by })
                .onConflict((conflict) => conflict.doNothing())
                .executeTakeFirst()
            ).numInsertedOrUpdatedRows
          : (
              await transaction
                .deleteFrom('endpoint_down')
                .where('endpoint', '=', endpoint)
                .executeTakeFirst()
            ).numDeletedRows;
      if (!changed) return false;
      await countRevision(transaction);
      await audit(transaction, { at, actor: by, action: `endpoint.${state}`, object: endpoint });
      return true;
    });
  }
}

/** Tells the servers that there is something to read. */
async function countRevision(transaction: Kysely<Database>): Promise<void> {
  await transaction
    .updateTable('allocation_revision')
    .set(({ eb }) => ({ number: eb('number', '+', 1) }))
    .execute();
}
