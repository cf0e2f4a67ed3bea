import type { InferResult, Kysely } from 'kysely';
import type { OneTimePassword } from '../enrollment/one-time-password.ts';
import type {
  AttemptOutcome,
  AuthenticationAttempt,
  CountedAttempt,
  DigestCandidate,
  DigestOutcome,
  FailureLimits,
  NewOneTimePassword,
  OneTimePasswordStore,
  PasswordOfDevice,
  SharedSecretCandidate,
  SharedSecretOutcome,
} from '../enrollment/one-time-password-store.ts';
import { audit } from './audit-trail.ts';
import { countFailure, pauseOf } from './authentication-failures.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { deviceOf, groupOf, oneTimePasswordOf, tenantOf } from './rows.ts';
import type { Transactions } from './transactions.ts';

const columns = [
  'one_time_password.id',
  'one_time_password.device',
  'one_time_password.state',
  'one_time_password.created_at',
  'one_time_password.expires_at',
  'one_time_password.spent_at',
  'one_time_password.public_key_digest',
] as const;

export class SqlOneTimePasswords implements OneTimePasswordStore {
  readonly #transactions: Transactions;
  readonly #limits: FailureLimits;

  constructor(transactions: Transactions, limits: FailureLimits) {
    this.#transactions = transactions;
    this.#limits = limits;
  }

  create(password: NewOneTimePassword): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      const { id, device, passwordHash, digestSecret, cmcSecret, createdAt, expiresAt, by } =
        password;
      await transaction
        .insertInto('one_time_password')
        .values({
          id,
          device,
          password_hash: passwordHash,
          digest_secret: digestSecret ?? null,
          cmc_secret: cmcSecret ?? null,
          state: 'unused',
          created_at: createdAt.toISOString(),
          expires_at: expiresAt.toISOString(),
          spent_at: null,
          public_key_digest: null,
        })
        .execute();
      await audit(transaction, {
        at: createdAt,
        actor: by,
        action: 'one-time-password.created',
        object: id,
        details: { device, expiresAt },
      });
    });
  }

  async list(filter: { device?: string; limit: number }): Promise<OneTimePassword[]> {
    let query = this.#transactions.read.selectFrom('one_time_password').select(columns);
    if (filter.device !== undefined) query = query.where('device', '=', filter.device);
    const rows = await query.orderBy('created_at', 'desc').limit(filter.limit).execute();
    return rows.map(oneTimePasswordOf);
  }

  revoke(id: string, by: string, at: Date): Promise<OneTimePassword | undefined> {
    return this.#transactions.write(async (transaction) => {
      const changed = await transaction
        .updateTable('one_time_password')
        .set({ state: 'revoked' })
        .where('id', '=', id)
        .where('state', '=', 'unused')
        .returning('id')
        .executeTakeFirst();
      if (changed)
        await audit(transaction, {
          at,
          actor: by,
          action: 'one-time-password.revoked',
          object: id,
        });
      const row = await transaction
        .selectFrom('one_time_password')
        .select(columns)
        .where('id', '=', id)
        .executeTakeFirst();
      return row && oneTimePasswordOf(row);
    });
  }

  async match(attempt: AuthenticationAttempt): Promise<AttemptOutcome> {
    const { read } = this.#transactions;
    const retryAfter = await pauseOf(read, attempt, this.#limits);
    if (retryAfter !== undefined) return { kind: 'paused', retryAfter };
    const outcome = await findPassword(read, attempt);
    if (outcome.kind === 'failed') await this.recordFailure(attempt, outcome.reason);
    return outcome;
  }

  async findDigestCandidates(attempt: CountedAttempt, limit: number): Promise<DigestOutcome> {
    const { read } = this.#transactions;
    const retryAfter = await pauseOf(read, attempt, this.#limits);
    if (retryAfter !== undefined) return { kind: 'paused', retryAfter };
    return { kind: 'candidates', candidates: await digestCandidates(read, attempt, limit) };
  }

  async findSharedSecrets(attempt: CountedAttempt, limit: number): Promise<SharedSecretOutcome> {
    const retryAfter = await this.pauseOf(attempt);
    if (retryAfter !== undefined) return { kind: 'paused', retryAfter };
    const { read } = this.#transactions;
    return { kind: 'candidates', candidates: await sharedSecrets(read, attempt, limit) };
  }

  pauseOf(attempt: CountedAttempt): Promise<number | undefined> {
    return pauseOf(this.#transactions.read, attempt, this.#limits);
  }

  recordFailure(attempt: CountedAttempt, reason: string): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      await countFailure(transaction, attempt, this.#limits);
      await audit(transaction, {
        at: attempt.at,
        actor: attempt.source,
        action: 'authentication.failed',
        object: 'one-time-password',
        requestId: attempt.requestId,
        details: { reason },
      });
    });
  }
}

/** Passwords with their device, its tenant and its group. */
function passwordsWithDevice(db: Kysely<Database>) {
  return db
    .selectFrom('one_time_password')
    .innerJoin('device', 'device.id', 'one_time_password.device')
    .innerJoin('tenant', 'tenant.id', 'device.tenant')
    .innerJoin('device_group', 'device_group.label', 'device.device_group')
    .select(columns)
    .select([
      'device.tenant',
      'device.device_group',
      'device.serial_number',
      'device.names',
      'device.status',
      'device.role',
      'tenant.endpoints',
      'tenant.suspended',
      'device_group.settings',
    ]);
}

const passwordByHash = compiledQuery((db, { passwordHash }: { passwordHash: string }) =>
  passwordsWithDevice(db).where('password_hash', '=', passwordHash),
);

/** Passwords, unused or spent, not expired nor revoked. */
function livePasswords(db: Kysely<Database>, at: Date) {
  return passwordsWithDevice(db)
    .select(['one_time_password.digest_secret', 'one_time_password.cmc_secret'])
    .where('one_time_password.state', '!=', 'revoked')
    .where('one_time_password.expires_at', '>', at.toISOString());
}

function livePasswordsOf(db: Kysely<Database>, { userName, at }: CountedAttempt) {
  return livePasswords(db, at).where(({ eb, or }) =>
    or([eb('one_time_password.device', '=', userName), eb('one_time_password.id', '=', userName)]),
  );
}

async function digestCandidates(
  db: Kysely<Database>,
  attempt: CountedAttempt,
  limit: number,
): Promise<DigestCandidate[]> {
  const meant =
    attempt.userName === ''
      ? livePasswords(db, attempt.at).where('one_time_password.digest_secret', 'is not', null)
      : livePasswordsOf(db, attempt);
  const rows = await meant.limit(limit).execute();
  return rows.map((row) => ({
    ...ownerOf(row),
    ...(row.digest_secret === null ? {} : { digestSecret: row.digest_secret }),
  }));
}

async function sharedSecrets(
  db: Kysely<Database>,
  attempt: CountedAttempt,
  limit: number,
): Promise<SharedSecretCandidate[]> {
  const rows = await livePasswordsOf(db, attempt).limit(limit).execute();
  return rows.map((row) => ({
    ...ownerOf(row),
    ...(row.cmc_secret === null ? {} : { cmcSecret: row.cmc_secret }),
  }));
}

/** One look-up by the hash whatever is wrong, so that no answer comes sooner than another. */
async function findPassword(
  db: Kysely<Database>,
  { userName, passwordHash, group, at }: AuthenticationAttempt,
): Promise<AttemptOutcome> {
  const [row] = (await passwordByHash(db, { passwordHash })).rows;
  const reason = failureOf(row, userName, group, at);
  if (!row || reason) return { kind: 'failed', reason: reason ?? 'unknown' };
  return { kind: 'matched', ...ownerOf(row) };
}

function ownerOf(
  row: InferResult<ReturnType<typeof passwordsWithDevice>>[number],
): PasswordOfDevice {
  return {
    password: oneTimePasswordOf(row),
    device: deviceOf({ ...row, id: row.device }),
    tenant: tenantOf({ ...row, id: row.tenant }),
    group: groupOf({ ...row, label: row.device_group }),
  };
}

function failureOf(
  row:
    | { id: string; device: string; state: string; expires_at: string; device_group: string }
    | undefined,
  userName: string,
  group: string | undefined,
  at: Date,
): string | undefined {
  if (!row) return 'No such one-time password.';
  if (userName !== '' && userName !== row.device && userName !== row.id)
    return `The one-time password ${row.id} is another device's than the user name says.`;
  if (row.state === 'revoked') return `The one-time password ${row.id} is revoked.`;
  if (row.expires_at <= at.toISOString()) return `The one-time password ${row.id} has expired.`;
  if (group !== undefined && group !== row.device_group)
    return `The device of the one-time password ${row.id} is not in the group ${group}.`;
  return undefined;
}
