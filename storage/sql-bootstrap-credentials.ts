import type { Kysely } from 'kysely';
import type { BootstrapCredential } from '../enrollment/bootstrap-credential.ts';
import type {
  BootstrapAttempt,
  BootstrapCredentialStore,
  BootstrapOutcome,
  BootstrapUse,
  NewBootstrapCredential,
} from '../enrollment/bootstrap-credential-store.ts';
import type { FailureLimits } from '../enrollment/one-time-password-store.ts';
import { audit } from './audit-trail.ts';
import { countAudited, pauseOf } from './authentication-failures.ts';
import { bootstrapCredentialById } from './bootstrap-uses.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { bootstrapCredentialOf, groupOf } from './rows.ts';
import type { Transactions } from './transactions.ts';

export class SqlBootstrapCredentials implements BootstrapCredentialStore {
  readonly #transactions: Transactions;
  readonly #limits: FailureLimits;

  constructor(transactions: Transactions, limits: FailureLimits) {
    this.#transactions = transactions;
    this.#limits = limits;
  }

  create(credential: NewBootstrapCredential): Promise<string | undefined> {
    return this.#transactions.write(async (transaction) => {
      const { id, group: label, quota, notBefore, notAfter, createdAt, by } = credential;
      const objection = await objectionToGroup(transaction, label);
      if (objection !== undefined) return objection;
      await transaction
        .insertInto('bootstrap_credential')
        .values({
          id,
          device_group: label,
          secret_hash: credential.secretHash,
          quota,
          uses: 0,
          state: 'active',
          not_before: notBefore.toISOString(),
          not_after: notAfter.toISOString(),
          created_at: createdAt.toISOString(),
          created_by: by,
          exceeded_at: null,
        })
        .execute();
      await audit(transaction, {
        at: createdAt,
        actor: by,
        action: 'bootstrap-credential.created',
        object: id,
        details: { group: label, quota, notBefore, notAfter },
      });
      return undefined;
    });
  }

  find(id: string): Promise<BootstrapCredential | undefined> {
    return findCredential(this.#transactions.read, id);
  }

  async list(filter: { group?: string; limit: number }): Promise<BootstrapCredential[]> {
    let query = this.#transactions.read.selectFrom('bootstrap_credential').selectAll();
    if (filter.group !== undefined) query = query.where('device_group', '=', filter.group);
    const rows = await query
      .orderBy('created_at', 'desc')
      .orderBy('id')
      .limit(filter.limit)
      .execute();
    return rows.map(bootstrapCredentialOf);
  }

  async uses(id: string, limit: number): Promise<BootstrapUse[]> {
    const rows = await this.#transactions.read
      .selectFrom('bootstrap_use')
      .selectAll()
      .where('credential', '=', id)
      .orderBy('at', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ device, public_key_digest: publicKeyDigest, at }) => ({
      device,
      publicKeyDigest,
      at: new Date(at),
    }));
  }

  revoke(id: string, by: string, at: Date): Promise<BootstrapCredential | undefined> {
    return this.#transactions.write(async (transaction) => {
      const changed = await transaction
        .updateTable('bootstrap_credential')
        .set({ state: 'revoked' })
        .where('id', '=', id)
        .where('state', '=', 'active')
        .returning(['uses', 'quota'])
        .executeTakeFirst();
      if (changed)
        await audit(transaction, {
          at,
          actor: by,
          action: 'bootstrap-credential.revoked',
          object: id,
          details: changed,
        });
      return findCredential(transaction, id);
    });
  }

  async match(attempt: BootstrapAttempt): Promise<BootstrapOutcome> {
    const { read } = this.#transactions;
    const retryAfter = await pauseOf(read, attempt, this.#limits);
    if (retryAfter !== undefined) return { kind: 'paused', retryAfter };
    const outcome = await findBySecret(read, attempt);
    if (outcome.kind === 'failed') {
      const failure = { object: 'bootstrap-credential', reason: outcome.reason };
      await this.#transactions.write((transaction) =>
        countAudited(transaction, attempt, this.#limits, failure),
      );
    }
    return outcome;
  }
}

async function findCredential(
  db: Kysely<Database>,
  id: string,
): Promise<BootstrapCredential | undefined> {
  const [row] = (await bootstrapCredentialById(db, { id })).rows;
  return row && bootstrapCredentialOf(row);
}

async function objectionToGroup(db: Kysely<Database>, label: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('device_group')
    .select(['label', 'tenant', 'settings'])
    .where('label', '=', label)
    .executeTakeFirst();
  if (!row) return `There is no group ${label}.`;
  return groupOf(row).settings.possession === 'bootstrap-credential' ? undefined : takesNone(label);
}

function takesNone(label: string): string {
  return `The group ${label} takes no bootstrap credentials; \`bestow group set ${label} --possession bootstrap-credential\` changes that.`;
}

const bySecretHash = compiledQuery((db, { secretHash }: { secretHash: string }) =>
  db
    .selectFrom('bootstrap_credential')
    .innerJoin('device_group', 'device_group.label', 'bootstrap_credential.device_group')
    .selectAll('bootstrap_credential')
    .select(['device_group.tenant', 'device_group.settings'])
    .where('bootstrap_credential.secret_hash', '=', secretHash),
);

/** One look-up by the hash whatever is wrong, so that no answer comes sooner than another. */
async function findBySecret(
  db: Kysely<Database>,
  { secretHash, group: called }: BootstrapAttempt,
): Promise<Exclude<BootstrapOutcome, { kind: 'paused' }>> {
  const [row] = (await bySecretHash(db, { secretHash })).rows;
  if (!row) return failed('No such bootstrap credential, or another secret than its own.');
  const credential = bootstrapCredentialOf(row);
  const group = groupOf({ ...row, label: credential.group });
  if (credential.state === 'revoked')
    return failed(`The bootstrap credential ${credential.id} is revoked.`);
  if (called !== undefined && called !== group.label)
    return failed(`The bootstrap credential ${credential.id} is not of the group ${called}.`);
  if (group.settings.possession !== 'bootstrap-credential') return failed(takesNone(group.label));
  return { kind: 'matched', credential, group };
}

function failed(reason: string): { kind: 'failed'; reason: string } {
  return { kind: 'failed', reason };
}
