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
import {
  activeDevice,
  fulfilIntent,
  holdersOfKey,
  insertIssuance,
  issuanceByCredential,
  spendOneTimePassword,
  validCertificate,
} from './issuance-queries.ts';
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
      const { rows } = await fulfilIntent(transaction, {
        ...key,
        certificate,
        at: at.toISOString(),
      });
      const [updated] = rows;
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
  const { rows } = await activeDevice(transaction, { device });
  return rows.length > 0;
}

async function isKeyOfAnother(transaction: Transaction, intent: Intent): Promise<boolean> {
  const { rows } = await holdersOfKey(transaction, intent);
  return rows.some(({ subscriber }) => subscriber !== (intent.subscriber ?? null));
}

/** What this credential already got for this request; a revoked certificate is never released again. */
async function repeatOf(
  transaction: Transaction,
  intent: Intent,
): Promise<IntentOutcome | undefined> {
  const { credential, requestDigest, recordedAt } = intent;
  if (credential.kind === 'operator') return undefined;
  const since =
    credential.kind === 'client-certificate' ? recordedAt.getTime() - repeatWindowMs : 0;
  const { rows } = await issuanceByCredential(transaction, {
    issuer: intent.issuer,
    ...credential,
    requestDigest,
    since: new Date(since).toISOString(),
  });
  const [row] = rows;
  return row && { kind: 'repeated', record: issuanceOf(row) };
}

/** Single use is a conditional UPDATE: of any number of racing requests, one changes the row. */
async function spendCredential(transaction: Transaction, intent: Intent): Promise<boolean> {
  const { credential, recordedAt, publicKeyDigest, subscriber = '', issuer } = intent;
  const now = recordedAt.toISOString();
  const { id } = credential;
  switch (credential.kind) {
    case 'operator':
      return true;
    case 'one-time-password': {
      const values = { id, device: subscriber, publicKeyDigest, now };
      return (await spendOneTimePassword(transaction, values)).rows.length === 1;
    }
    case 'client-certificate': {
      const values = { issuer, serialNumber: id, subscriber, now };
      return (await validCertificate(transaction, values)).rows.length === 1;
    }
  }
}

async function insertIntent(transaction: Transaction, intent: Intent): Promise<void> {
  const { credential, serialNumber, profile, publicKeyDigest } = intent;
  await insertIssuance(transaction, {
    ...intent,
    subscriber: intent.subscriber ?? null,
    credentialKind: credential.kind,
    credentialId: credential.id,
    notBefore: intent.notBefore.toISOString(),
    notAfter: intent.notAfter.toISOString(),
    recordedAt: intent.recordedAt.toISOString(),
  });
  await audit(transaction, {
    ...auditBase(intent),
    action: 'certificate.intended',
    object: serialNumber,
    details: { profile, publicKeyDigest, credential, linking: intent.linking },
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
