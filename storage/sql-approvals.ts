import { randomBytes } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import {
  type Approval,
  type ApprovalRequest,
  type ApprovalState,
  type Approvals,
  type Decision,
  type DecisionOutcome,
  maxPendingRequests,
} from '../enrollment/approvals.ts';
import { audit } from './audit-trail.ts';
import type { ApprovalTable, Database } from './database.ts';
import { announce } from './outbox.ts';
import type { Transactions } from './transactions.ts';

/** Expired requests stay this long, so that who decides too late is told why it does not count. */
const keptAfterExpiryMs = 24 * 60 * 60_000;
/** Deleted at once at most: more than are written, and never long work under the write lock. */
const purgedAtOnce = 20;

export class SqlApprovals implements Approvals {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  seek(request: ApprovalRequest, anew = false): Promise<Approval | 'too-many-pending'> {
    return this.#transactions.write(async (transaction) => {
      const known = await findByRequest(transaction, request);
      if (known && !(anew && known.state === 'used')) {
        const last_seen = request.at.toISOString();
        await transaction
          .updateTable('approval')
          .set({ last_seen, source: request.source })
          .where('id', '=', known.id)
          .execute();
        return approvalOf({ ...known, last_seen, source: request.source });
      }
      if ((await countPending(transaction, request)) >= maxPendingRequests)
        return 'too-many-pending';
      await purgeExpired(transaction, request.at);
      return insertApproval(transaction, request);
    });
  }

  async find(id: string): Promise<Approval | undefined> {
    const row = await findById(this.#transactions.read, id);
    return row && approvalOf(row);
  }

  async list(filter: { state?: ApprovalState; at: Date; limit: number }): Promise<Approval[]> {
    let query = this.#transactions.read
      .selectFrom('approval')
      .selectAll()
      .where('expires_at', '>', filter.at.toISOString());
    if (filter.state !== undefined) query = query.where('state', '=', filter.state);
    const rows = await query.orderBy('first_seen', 'desc').limit(filter.limit).execute();
    return rows.map(approvalOf);
  }

  /** Of two decisions the first holds; the same decision again changes nothing. */
  decide(id: string, decision: Decision): Promise<DecisionOutcome> {
    const { approve, reason, by, at } = decision;
    return this.#transactions.write(async (transaction): Promise<DecisionOutcome> => {
      const state = approve ? 'approved' : 'rejected';
      const decided = await transaction
        .updateTable('approval')
        .set({ state, reason: reason ?? null, decided_by: by, decided_at: at.toISOString() })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        .where('expires_at', '>', at.toISOString())
        .returningAll()
        .executeTakeFirst();
      if (decided) {
        await reportDecision(transaction, decided, decision);
        return { kind: 'decided', approval: approvalOf(decided) };
      }
      const row = await findById(transaction, id);
      if (!row) return { kind: 'unknown' };
      const same = row.state === state && row.expires_at > at.toISOString();
      return { kind: same ? 'decided' : 'conflict', approval: approvalOf(row) };
    });
  }
}

async function reportDecision(
  transaction: Kysely<Database>,
  { id, device, public_key_digest: publicKeyDigest }: Selectable<ApprovalTable>,
  { approve, reason, by, at }: Decision,
): Promise<void> {
  const decided = approve ? 'approved' : 'rejected';
  const why = reason === undefined ? {} : { reason };
  const details = { device, publicKeyDigest, ...why };
  await audit(transaction, { at, actor: by, action: `request.${decided}`, object: id, details });
  const data = { request: id, publicKeyDigest, by, ...why };
  await announce(transaction, device, { type: `bestow.device.${decided}`, at, data });
}

/** What waits with a key, and what was approved for it and is not issued yet. */
export async function rejectApprovals(
  transaction: Kysely<Database>,
  publicKeyDigest: string,
  rejection: Required<Omit<Decision, 'approve'>>,
): Promise<void> {
  const { reason, by, at } = rejection;
  const rows = await transaction
    .updateTable('approval')
    .set({ state: 'rejected', reason, decided_by: by, decided_at: at.toISOString() })
    .where('public_key_digest', '=', publicKeyDigest)
    .where('state', 'in', ['pending', 'approved'])
    .where('expires_at', '>', at.toISOString())
    .returningAll()
    .execute();
  for (const row of rows) await reportDecision(transaction, row, { approve: false, ...rejection });
}

/** The newest request of that kind that has not expired. */
function findByRequest(
  db: Kysely<Database>,
  { device, requestDigest, at }: ApprovalRequest,
): Promise<Selectable<ApprovalTable> | undefined> {
  return db
    .selectFrom('approval')
    .selectAll()
    .where('device', '=', device)
    .where('request_digest', '=', requestDigest)
    .where('expires_at', '>', at.toISOString())
    .orderBy('first_seen', 'desc')
    .limit(1)
    .executeTakeFirst();
}

async function countPending(
  db: Kysely<Database>,
  { device, at }: ApprovalRequest,
): Promise<number> {
  const rows = await db
    .selectFrom('approval')
    .select('id')
    .where('device', '=', device)
    .where('state', '=', 'pending')
    .where('expires_at', '>', at.toISOString())
    .limit(maxPendingRequests)
    .execute();
  return rows.length;
}

async function purgeExpired(transaction: Kysely<Database>, at: Date): Promise<void> {
  const before = new Date(at.getTime() - keptAfterExpiryMs).toISOString();
  await transaction
    .deleteFrom('approval')
    .where('id', 'in', (expired) =>
      expired
        .selectFrom('approval')
        .select('id')
        .where('expires_at', '<=', before)
        .orderBy('expires_at')
        .limit(purgedAtOnce),
    )
    .execute();
}

async function insertApproval(
  transaction: Kysely<Database>,
  request: ApprovalRequest,
): Promise<Approval> {
  const { at, requestId, device, publicKeyDigest } = request;
  const now = at.toISOString();
  const row = {
    id: `req-${randomBytes(5).toString('hex')}`,
    device,
    request_digest: request.requestDigest,
    public_key_digest: publicKeyDigest,
    subject: request.subject,
    names: JSON.stringify(request.names),
    profile: request.profile,
    source: request.source,
    state: 'pending',
    reason: null,
    decided_by: null,
    decided_at: null,
    first_seen: now,
    last_seen: now,
    expires_at: request.expiresAt.toISOString(),
  };
  await transaction.insertInto('approval').values(row).execute();
  const details = { device, publicKeyDigest };
  const action = 'request.pending';
  await audit(transaction, { at, actor: device, action, object: row.id, requestId, details });
  const { subject, names, profile, source, expiresAt } = request;
  const asked = { subject, names, profile, publicKeyDigest, source, expiresAt };
  const data = { request: row.id, ...asked, requestId };
  await announce(transaction, device, { type: 'bestow.device.pending', at, data });
  return approvalOf(row);
}

function findById(
  db: Kysely<Database>,
  id: string,
): Promise<Selectable<ApprovalTable> | undefined> {
  return db.selectFrom('approval').selectAll().where('id', '=', id).executeTakeFirst();
}

export interface ApprovalUse {
  readonly id: string;
  readonly device: string;
  readonly now: string;
}

export async function isOpenApproval(
  transaction: Kysely<Database>,
  { id, device, now }: ApprovalUse,
): Promise<boolean> {
  const row = await transaction
    .selectFrom('approval')
    .select('id')
    .where('id', '=', id)
    .where('device', '=', device)
    .where('state', '=', 'approved')
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row !== undefined;
}

/** An approval serves one issuance: of racing requests, one changes the row. @returns false when it is used or gone */
export async function useApproval(
  transaction: Kysely<Database>,
  { id, device, now }: ApprovalUse,
): Promise<boolean> {
  const row = await transaction
    .updateTable('approval')
    .set({ state: 'used' })
    .where('id', '=', id)
    .where('device', '=', device)
    .where('state', '=', 'approved')
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** What a removed device asked for, and what was decided about it, is not its successor's. */
export async function forgetApprovals(
  transaction: Kysely<Database>,
  device: string,
  at: Date,
): Promise<void> {
  const expires_at = at.toISOString();
  await transaction
    .updateTable('approval')
    .set({ expires_at })
    .where('device', '=', device)
    .where('expires_at', '>', expires_at)
    .execute();
}

function approvalOf(row: Selectable<ApprovalTable>): Approval {
  return {
    id: row.id,
    device: row.device,
    requestDigest: row.request_digest,
    publicKeyDigest: row.public_key_digest,
    subject: row.subject,
    names: JSON.parse(row.names),
    profile: row.profile,
    source: row.source,
    state: row.state as ApprovalState,
    firstSeen: new Date(row.first_seen),
    lastSeen: new Date(row.last_seen),
    expiresAt: new Date(row.expires_at),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
    ...(row.decided_at === null ? {} : { decidedAt: new Date(row.decided_at) }),
  };
}
