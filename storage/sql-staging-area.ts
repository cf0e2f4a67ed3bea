import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import { maxPendingRequests, tooManyOfDevice } from '../enrollment/approvals.ts';
import {
  type Confirmation,
  type ConfirmationOutcome,
  maxPendingOfGroup,
  maxPendingOfSource,
  type Rejection,
  type StagedDevice,
  type StagedFilter,
  type StagedRequest,
  type StagingArea,
  type StagingOutcome,
} from '../enrollment/staging-area.ts';
import { audit } from './audit-trail.ts';
import { objectionToBannedKey } from './banned-keys.ts';
import { confirmDevice, isSameCode } from './confirm-device.ts';
import type { Database } from './database.ts';
import { objectionToKey } from './decide-intent.ts';
import { noteForeignKey } from './first-keys.ts';
import { announce } from './outbox.ts';
import { rejectStaged } from './reject-staged.ts';
import {
  type StagedRow,
  stagedDeviceOf,
  stagedRowById,
  stagedRows,
  stagedSubject,
} from './staged-devices.ts';
import type { Transactions } from './transactions.ts';

type Transaction = Kysely<Database>;

/** Expired entries stay this long, so that who decides too late is told why it does not count. */
const keptAfterExpiryMs = 24 * 60 * 60_000;
/** Deleted at once at most: more than are written, and never long work under the write lock. */
const purgedAtOnce = 20;

export class SqlStagingArea implements StagingArea {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  seek(request: StagedRequest): Promise<StagingOutcome> {
    return this.#transactions.write(async (transaction): Promise<StagingOutcome> => {
      const objection = await objectionTo(transaction, request);
      if (objection) return objection;
      const known = await findByRequest(transaction, request);
      if (known?.state === 'rejected') return { kind: 'rejected', staged: stagedDeviceOf(known) };
      if (known?.state === 'pending') return noteAsking(transaction, known, request);
      if (known && (await isConfirmed(transaction, known)))
        return { kind: 'waits', staged: stagedDeviceOf(known) };
      const reason = await whatIsTooMany(transaction, request);
      if (reason !== undefined) return { kind: 'too-many-pending', reason };
      await purgeExpired(transaction, request.at);
      return { kind: 'waits', staged: await insertStaged(transaction, request) };
    });
  }

  async find(id: string): Promise<StagedDevice | undefined> {
    const row = await stagedRowById(this.#transactions.read, id);
    return row && stagedDeviceOf(row);
  }

  async shows(id: string, codeHash: string): Promise<boolean> {
    const row = await stagedRowById(this.#transactions.read, id);
    return row !== undefined && isSameCode(codeHash, row.code_hash ?? '');
  }

  async list({ state, group, tenant, at, limit }: StagedFilter): Promise<StagedDevice[]> {
    let query = stagedRows(this.#transactions.read).where(
      'staged_device.expires_at',
      '>',
      at.toISOString(),
    );
    if (state !== undefined) query = query.where('staged_device.state', '=', state);
    if (group !== undefined) query = query.where('staged_device.device_group', '=', group);
    if (tenant !== undefined) query = query.where('staged_device.tenant', '=', tenant);
    const rows = await query.orderBy('staged_device.first_seen', 'desc').limit(limit).execute();
    return rows.map(stagedDeviceOf);
  }

  approve(id: string, confirmation: Confirmation): Promise<ConfirmationOutcome> {
    return this.#transactions.write((transaction) => confirmDevice(transaction, id, confirmation));
  }

  /** Of two decisions the first holds; the same decision again changes nothing. */
  reject(id: string, rejection: Rejection): Promise<ConfirmationOutcome> {
    return this.#transactions.write(async (transaction): Promise<ConfirmationOutcome> => {
      const row = await stagedRowById(transaction, id);
      if (!row) return { kind: 'unknown' };
      const open = row.expires_at > rejection.at.toISOString();
      if (open && row.state === 'pending')
        return { kind: 'decided', staged: await rejectStaged(transaction, row, rejection) };
      const same = open && row.state === 'rejected';
      return { kind: same ? 'decided' : 'conflict', staged: stagedDeviceOf(row) };
    });
  }

  forget(id: string, by: string, at: Date): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const expires_at = at.toISOString();
      const { numUpdatedRows } = await transaction
        .updateTable('staged_device')
        .set({ expires_at })
        .where('id', '=', id)
        .where('state', '!=', 'approved')
        .where('expires_at', '>', expires_at)
        .executeTakeFirst();
      if (numUpdatedRows !== 1n) return false;
      await audit(transaction, { at, actor: by, action: 'device.forgotten', object: id });
      return true;
    });
  }
}

/** What nobody could make good by confirming it is not put before anybody. */
async function objectionTo(
  transaction: Transaction,
  { publicKeyDigest, device: subscriber }: StagedRequest,
) {
  const key = { publicKeyDigest, subscriber };
  const objection =
    (await objectionToBannedKey(transaction, key)) ?? (await objectionToKey(transaction, key));
  return objection?.kind === 'refused' ? objection : undefined;
}

/** The newest entry of that kind that has not expired. */
function findByRequest(
  db: Transaction,
  { group, device, publicKeyDigest, at }: StagedRequest,
): Promise<StagedRow | undefined> {
  return stagedRows(db)
    .where('staged_device.device', '=', device)
    .where('staged_device.public_key_digest', '=', publicKeyDigest)
    .where('staged_device.device_group', '=', group)
    .where('staged_device.expires_at', '>', at.toISOString())
    .orderBy('staged_device.first_seen', 'desc')
    .limit(1)
    .executeTakeFirst();
}

async function noteAsking(
  transaction: Transaction,
  { id }: StagedRow,
  { at, source, codeHash }: StagedRequest,
): Promise<StagingOutcome> {
  await transaction
    .updateTable('staged_device')
    .set((eb) => ({
      last_seen: at.toISOString(),
      source,
      asks: eb('asks', '+', 1),
      ...(codeHash === undefined ? {} : { code_hash: codeHash }),
    }))
    .where('id', '=', id)
    .execute();
  const row = await stagedRowById(transaction, id);
  if (!row) throw new Error(`The entry ${id} is gone.`);
  return { kind: 'waits', staged: stagedDeviceOf(row) };
}

/** Where not, it was confirmed before its device was reset or removed. */
async function isConfirmed(db: Transaction, row: StagedRow): Promise<boolean> {
  const device = await db
    .selectFrom('device')
    .select('first_key')
    .where('id', '=', row.confirmed_as ?? '')
    .executeTakeFirst();
  return device?.first_key === row.public_key_digest;
}

async function whatIsTooMany(
  db: Transaction,
  { device, source, group, newcomer, at }: StagedRequest,
): Promise<string | undefined> {
  const pending = db
    .selectFrom('staged_device')
    .select('id')
    .where('state', '=', 'pending')
    .where('expires_at', '>', at.toISOString());
  const has = async (query: typeof pending, most: number) =>
    (
      await query
        .limit(1)
        .offset(most - 1)
        .execute()
    ).length > 0;
  if (await has(pending.where('device', '=', device), maxPendingRequests))
    return tooManyOfDevice(device);
  const ofSource = pending.where('source', '=', source).where('newcomer', '=', 1);
  if (newcomer && (await has(ofSource, maxPendingOfSource)))
    return `${maxPendingOfSource} new devices from ${source} wait for confirmation, and no more may: ask again when some are decided (\`bestow pending list\`).`;
  if (await has(pending.where('device_group', '=', group), maxPendingOfGroup))
    return `${maxPendingOfGroup} devices of the group ${group} wait for confirmation, and no more may: ask again when some are decided (\`bestow pending list\`).`;
  return undefined;
}

async function purgeExpired(transaction: Transaction, at: Date): Promise<void> {
  const before = new Date(at.getTime() - keptAfterExpiryMs).toISOString();
  await transaction
    .deleteFrom('staged_device')
    .where('id', 'in', (expired) =>
      expired
        .selectFrom('staged_device')
        .select('id')
        .where('expires_at', '<=', before)
        .orderBy('expires_at')
        .limit(purgedAtOnce),
    )
    .execute();
}

async function insertStaged(
  transaction: Transaction,
  request: StagedRequest,
): Promise<StagedDevice> {
  const { at, requestId, device, publicKeyDigest, credential, source } = request;
  const now = at.toISOString();
  const id = `req-${randomBytes(5).toString('hex')}`;
  await transaction
    .insertInto('staged_device')
    .values({
      id,
      device_group: request.group,
      tenant: request.tenant,
      device,
      newcomer: request.newcomer ? 1 : 0,
      public_key_digest: publicKeyDigest,
      serial_number: request.serialNumber ?? null,
      model: request.model ?? null,
      subject: request.subject,
      names: JSON.stringify(request.names),
      credential_kind: credential.kind,
      credential_id: credential.id,
      factory_subject: request.factorySubject ?? null,
      code_hash: request.codeHash ?? null,
      source,
      state: 'pending',
      confirmed_as: null,
      reason: null,
      decided_by: null,
      decided_at: null,
      first_seen: now,
      last_seen: now,
      expires_at: request.expiresAt.toISOString(),
    })
    .execute();
  const row = await stagedRowById(transaction, id);
  if (!row) throw new Error(`The entry ${id} was not stored.`);
  const staged = stagedDeviceOf(row);
  const { otherKey, group } = staged;
  const details = { device, publicKeyDigest, group, credential, source, otherKey };
  const action = 'device.pending';
  await audit(transaction, { at, actor: device, action, object: id, requestId, details });
  await announce(transaction, await stagedSubject(transaction, row), {
    type: 'bestow.device.pending',
    at,
    data: { request: id, ...presented(staged), requestId },
  });
  // A person is asked, so that nothing is refused yet: the event above says that it is another key.
  if (otherKey)
    await noteForeignKey(transaction, { device, publicKeyDigest, source, requestId, at });
  return staged;
}

function presented(staged: StagedDevice) {
  const { subject, names, publicKeyDigest, source, expiresAt, model, serialNumber } = staged;
  const { credential, factorySubject, otherKey, showsCode } = staged;
  const asked = { subject, names, publicKeyDigest, source, expiresAt };
  return {
    ...asked,
    credential: credential.kind,
    otherKey,
    showsCode,
    ...(model === undefined ? {} : { model }),
    ...(serialNumber === undefined ? {} : { serialNumber }),
    ...(factorySubject === undefined ? {} : { factorySubject }),
  };
}
