import type { Kysely } from 'kysely';
import type {
  Intent,
  IntentOutcome,
  IssuanceLedger,
  IssuanceRecord,
  RevocationOrder,
} from '../ca/issuance-ledger.ts';
import { audit } from './audit-trail.ts';
import type { Database } from './database.ts';
import { issuanceOf } from './rows.ts';
import type { Transactions } from './transactions.ts';

type Transaction = Kysely<Database>;

/**
 * A re-enrollment repeated within this time with the same certificate, key and names is taken for a lost answer and gets the
 * same certificate again; later it is a new renewal. A spent one-time password repeats until it expires.
 */
const repeatWindowMs = 10 * 60_000;

export class SqlIssuanceLedger implements IssuanceLedger {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  recordIntent(intent: Intent): Promise<IntentOutcome> {
    return this.#transactions.write(async (transaction) => {
      const outcome = await decideIntent(transaction, intent);
      if (outcome.kind === 'recorded') await insertIntent(transaction, intent);
      if (outcome.kind === 'refused')
        await audit(transaction, {
          ...auditBase(intent),
          action: 'certificate.refused',
          object: intent.credential.id,
          details: { code: outcome.code, reason: outcome.reason },
        });
      return outcome;
    });
  }

  recordCertificate(
    key: { issuer: string; serialNumber: string },
    certificate: Uint8Array,
    at: Date,
    requestId: string,
  ): Promise<Uint8Array> {
    return this.#transactions.write(async (transaction) => {
      const updated = await transaction
        .updateTable('issuance')
        .set({ certificate, issued_at: at.toISOString() })
        .where('issuer', '=', key.issuer)
        .where('serial_number', '=', key.serialNumber)
        .where('certificate', 'is', null)
        .where('revoked_at', 'is', null)
        .returning('subscriber')
        .executeTakeFirst();
      if (!updated) return storedCertificate(transaction, key);
      await audit(transaction, {
        at,
        actor: updated.subscriber ?? 'operator',
        action: 'certificate.issued',
        object: key.serialNumber,
        requestId,
      });
      return certificate;
    });
  }

  async find(issuer: string, serialNumber: string): Promise<IssuanceRecord | undefined> {
    const row = await this.#transactions.read
      .selectFrom('issuance')
      .selectAll()
      .where('issuer', '=', issuer)
      .where('serial_number', '=', serialNumber)
      .executeTakeFirst();
    return row && issuanceOf(row);
  }

  async list(filter: { subscriber?: string; limit: number }): Promise<IssuanceRecord[]> {
    let query = this.#transactions.read.selectFrom('issuance').selectAll();
    if (filter.subscriber !== undefined) query = query.where('subscriber', '=', filter.subscriber);
    const rows = await query.orderBy('recorded_at', 'desc').limit(filter.limit).execute();
    return rows.map(issuanceOf);
  }

  revoke(
    issuer: string,
    serialNumber: string,
    order: RevocationOrder,
  ): Promise<IssuanceRecord | undefined> {
    return this.#transactions.write(async (transaction) => {
      const changed = await transaction
        .updateTable('issuance')
        .set({ revoked_at: order.at.toISOString(), revocation_reason: order.reason })
        .where('issuer', '=', issuer)
        .where('serial_number', '=', serialNumber)
        .where('revoked_at', 'is', null)
        .returning('serial_number')
        .executeTakeFirst();
      if (changed)
        await audit(transaction, {
          at: order.at,
          actor: order.by,
          action: 'certificate.revoked',
          object: serialNumber,
          details: { reason: order.reason },
        });
      const row = await transaction
        .selectFrom('issuance')
        .selectAll()
        .where('issuer', '=', issuer)
        .where('serial_number', '=', serialNumber)
        .executeTakeFirst();
      return row && issuanceOf(row);
    });
  }
}

function auditBase(intent: Intent): { at: Date; actor: string; requestId: string } {
  const { recordedAt, subscriber, credential, requestId } = intent;
  return { at: recordedAt, actor: subscriber ?? credential.id, requestId };
}

/** Everything that may have changed since the caller was identified is asked again here, under the write lock. */
async function decideIntent(transaction: Transaction, intent: Intent): Promise<IntentOutcome> {
  if (intent.subscriber !== undefined && !(await isActive(transaction, intent.subscriber)))
    return refusal('subscriber-inactive', `Device ${intent.subscriber} is blocked or removed.`);
  if (await isKeyOfAnother(transaction, intent))
    return refusal('key-in-use', 'The public key is already certified for another device.');
  const repeated = await repeatOf(transaction, intent);
  if (repeated) return repeated;
  return (await spendCredential(transaction, intent))
    ? { kind: 'recorded' }
    : refusal(
        'credential-spent',
        `The credential ${intent.credential.id} is spent or no longer valid.`,
      );
}

function refusal(
  code: Extract<IntentOutcome, { kind: 'refused' }>['code'],
  reason: string,
): IntentOutcome {
  return { kind: 'refused', code, reason };
}

async function isActive(transaction: Transaction, device: string): Promise<boolean> {
  const row = await transaction
    .selectFrom('device')
    .innerJoin('tenant', 'tenant.id', 'device.tenant')
    .select('device.id')
    .where('device.id', '=', device)
    .where('device.status', '=', 'active')
    .where('tenant.suspended', '=', 0)
    .executeTakeFirst();
  return row !== undefined;
}

async function isKeyOfAnother(transaction: Transaction, intent: Intent): Promise<boolean> {
  const holders = await transaction
    .selectFrom('issuance')
    .select('subscriber')
    .distinct()
    .where('public_key_digest', '=', intent.publicKeyDigest)
    .limit(2)
    .execute();
  return holders.some(({ subscriber }) => subscriber !== (intent.subscriber ?? null));
}

/** What this credential already got for this key; a revoked certificate is never released again. */
async function repeatOf(
  transaction: Transaction,
  intent: Intent,
): Promise<IntentOutcome | undefined> {
  const { credential, requestDigest, recordedAt } = intent;
  if (credential.kind === 'operator') return undefined;
  const since =
    credential.kind === 'client-certificate' ? recordedAt.getTime() - repeatWindowMs : 0;
  const row = await transaction
    .selectFrom('issuance')
    .selectAll()
    .where('credential_id', '=', credential.id)
    .where('credential_kind', '=', credential.kind)
    .where('request_digest', '=', requestDigest)
    .where('recorded_at', '>=', new Date(since).toISOString())
    .where('revoked_at', 'is', null)
    .orderBy('recorded_at', 'desc')
    .executeTakeFirst();
  return row && { kind: 'repeated', record: issuanceOf(row) };
}

/** Single use is this conditional UPDATE: of any number of racing requests, one changes the row. */
async function spendCredential(transaction: Transaction, intent: Intent): Promise<boolean> {
  const { credential, recordedAt, publicKeyDigest, subscriber = '', issuer } = intent;
  const now = recordedAt.toISOString();
  switch (credential.kind) {
    case 'operator':
      return true;
    case 'one-time-password': {
      const { numUpdatedRows } = await transaction
        .updateTable('one_time_password')
        .set({ state: 'spent', spent_at: now, public_key_digest: publicKeyDigest })
        .where('id', '=', credential.id)
        .where('device', '=', subscriber)
        .where('state', '=', 'unused')
        .where('expires_at', '>', now)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    }
    case 'client-certificate': {
      const presented = await transaction
        .selectFrom('issuance')
        .select('serial_number')
        .where('issuer', '=', issuer)
        .where('serial_number', '=', credential.id)
        .where('subscriber', '=', subscriber)
        .where('revoked_at', 'is', null)
        .where('not_after', '>', now)
        .executeTakeFirst();
      return presented !== undefined;
    }
  }
}

async function insertIntent(transaction: Transaction, intent: Intent): Promise<void> {
  const { credential, serialNumber, profile, publicKeyDigest } = intent;
  await transaction
    .insertInto('issuance')
    .values({
      issuer: intent.issuer,
      serial_number: serialNumber,
      to_be_signed: intent.toBeSigned,
      certificate: null,
      public_key_digest: publicKeyDigest,
      request_digest: intent.requestDigest,
      profile,
      subscriber: intent.subscriber ?? null,
      credential_kind: credential.kind,
      credential_id: credential.id,
      not_before: intent.notBefore.toISOString(),
      not_after: intent.notAfter.toISOString(),
      request_id: intent.requestId,
      recorded_at: intent.recordedAt.toISOString(),
      issued_at: null,
      revoked_at: null,
      revocation_reason: null,
    })
    .execute();
  await audit(transaction, {
    ...auditBase(intent),
    action: 'certificate.intended',
    object: serialNumber,
    details: { profile, publicKeyDigest, credential },
  });
}

async function storedCertificate(
  transaction: Transaction,
  { issuer, serialNumber }: { issuer: string; serialNumber: string },
): Promise<Uint8Array> {
  const row = await transaction
    .selectFrom('issuance')
    .select(['certificate', 'revoked_at'])
    .where('issuer', '=', issuer)
    .where('serial_number', '=', serialNumber)
    .executeTakeFirst();
  if (!row?.certificate || row.revoked_at !== null)
    throw new Error(`The intent ${serialNumber} is gone or was revoked before it was signed.`);
  return row.certificate;
}
