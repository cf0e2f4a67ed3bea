import type { InferResult, Insertable, Kysely } from 'kysely';
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
import { mostPairingFailures } from '../enrollment/pairing-code.ts';
import { audit } from './audit-trail.ts';
import { countAudited, pauseOf } from './authentication-failures.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database, OneTimePasswordTable } from './database.ts';
import { countPairingFailure, deviceOfCode, pairingFailuresOf } from './pairing-failures.ts';
import { deviceOf, groupOf, oneTimePasswordOf, tenantOf } from './rows.ts';
import type { Transactions } from './transactions.ts';

/** As failures name it in the audit log. */
const object = 'one-time-password';

const columns = [
  'one_time_password.id',
  'one_time_password.kind',
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
      const { id, kind = 'one-time-password', device, createdAt, expiresAt, by } = password;
      if (kind !== 'one-time-password') await revokeUnusedCodes(transaction, device);
      await transaction.insertInto('one_time_password').values(rowOf(password)).execute();
      await audit(transaction, {
        at: createdAt,
        actor: by,
        action: `${kind}.created`,
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
    if (attempt.pairing)
      return this.#transactions.write((transaction) =>
        matchPairingCode(transaction, attempt, this.#limits),
      );
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
    return this.#transactions.write((transaction) =>
      countAudited(transaction, attempt, this.#limits, { object, reason }),
    );
  }

  pairingFailures(device: string): Promise<number> {
    return pairingFailuresOf(this.#transactions.read, device);
  }

  forgetPairingFailures(device: string, by: string, at: Date): Promise<void> {
    return this.#transactions.write(async (transaction) => {
      const row = await transaction
        .deleteFrom('pairing_failure')
        .where('device', '=', device)
        .returning('failures')
        .executeTakeFirst();
      const action = 'pairing.failures-forgotten';
      const details = { failures: row?.failures ?? 0 };
      await audit(transaction, { at, actor: by, action, object: device, details });
    });
  }
}

/** As it is stored when it is new. */
export function rowOf(password: NewOneTimePassword): Insertable<OneTimePasswordTable> {
  return {
    id: password.id,
    kind: password.kind ?? 'one-time-password',
    device: password.device,
    password_hash: password.passwordHash,
    digest_secret: password.digestSecret ?? null,
    cmc_secret: password.cmcSecret ?? null,
    state: 'unused',
    created_at: password.createdAt.toISOString(),
    expires_at: password.expiresAt.toISOString(),
    spent_at: null,
    public_key_digest: null,
  };
}

async function revokeUnusedCodes(transaction: Kysely<Database>, device: string): Promise<void> {
  await transaction
    .updateTable('one_time_password')
    .set({ state: 'revoked' })
    .where('device', '=', device)
    .where('kind', '!=', 'one-time-password')
    .where('state', '=', 'unused')
    .execute();
}

/** Looked at and counted in one transaction, so that of many at once none is judged before the last one is counted. */
async function matchPairingCode(
  transaction: Kysely<Database>,
  attempt: AuthenticationAttempt,
  limits: FailureLimits,
): Promise<AttemptOutcome> {
  const retryAfter = await pauseOf(transaction, attempt, limits);
  if (retryAfter !== undefined) return { kind: 'paused', retryAfter };
  const found = await findPassword(transaction, attempt);
  const device =
    found.kind === 'matched' ? found.device.id : await deviceOfCode(transaction, attempt);
  const locked =
    device !== undefined && (await pairingFailuresOf(transaction, device)) >= mostPairingFailures;
  if (found.kind === 'matched' && !locked) return found;
  const reason =
    found.kind === 'failed' && !locked
      ? found.reason
      : `${mostPairingFailures} pairing codes failed for ${device}: its codes are refused until it has enrolled by a one-time password, or \`bestow pair ${device} --forget-failures\` made a new one.`;
  if (device !== undefined && !locked) await countPairingFailure(transaction, device, attempt.at);
  await countAudited(transaction, attempt, limits, { object, reason });
  return { kind: 'failed', reason };
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
      'device.region',
      'device.site',
      'device.building',
      'device.context',
      'device.quarantined',
      'device.manufacturer',
      'device.factory_key',
      'device.factory_used_at',
      'device.foreign_factory_key',
      'device.order_list',
      'device.first_key',
      'device.first_key_at',
      'device.foreign_key',
      'tenant.endpoints',
      'tenant.suspended',
      'tenant.quarantine',
      'device_group.settings',
      'device_group.tenant as group_tenant',
    ]);
}

const passwordByHash = compiledQuery((db, { passwordHash }: { passwordHash: string }) =>
  passwordsWithDevice(db).where('password_hash', '=', passwordHash),
);

/** Passwords, unused or spent, not expired nor revoked. */
function livePasswords(db: Kysely<Database>, at: Date) {
  return (
    passwordsWithDevice(db)
      .select(['one_time_password.digest_secret', 'one_time_password.cmc_secret'])
      // Pairing codes come as they are, or not at all.
      .where('one_time_password.kind', '=', 'one-time-password')
      .where('one_time_password.state', '!=', 'revoked')
      .where('one_time_password.expires_at', '>', at.toISOString())
  );
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
    group: groupOf({ ...row, label: row.device_group, tenant: row.group_tenant }),
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
