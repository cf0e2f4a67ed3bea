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
import { type ApprovalUse, isOpenApproval, useApproval } from './sql-approvals.ts';
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
  for (const device of [intent.subscriber, intent.relayedBy])
    if (device !== undefined && !(await isActive(transaction, device)))
      return refusal('subscriber-inactive', `Device ${device} is blocked or removed.`);
  if (await isKeyOfAnother(transaction, intent))
    return refusal('key-in-use', 'The public key is already certified for another device.');
  const repeated = await repeatOf(transaction, intent);
  if (repeated) return repeated;
  if (!(await isApproved(transaction, intent)))
    return refusal('approval-used', `The approval ${intent.approval} is used up or has expired.`);
  if (!(await spendCredential(transaction, intent)))
    return refusal(
      'credential-spent',
      `The credential ${intent.credential.id} is spent or no longer valid.`,
    );
  await useUpApproval(transaction, intent);
  return { kind: 'recorded' };
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
  const since = credential.kind === 'one-time-password' ? 0 : recordedAt.getTime() - repeatWindowMs;
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
      const spentOn = intent.requestKeyDigest ?? publicKeyDigest;
      const values = { id, device: subscriber, publicKeyDigest: spentOn, now };
      return (await spendOneTimePassword(transaction, values)).rows.length === 1;
    }
    case 'client-certificate':
    case 'registration-authority': {
      const holder = credential.kind === 'registration-authority' ? intent.relayedBy : subscriber;
      const values = { issuer, serialNumber: id, subscriber: holder ?? '', now };
      return (await validCertificate(transaction, values)).rows.length === 1;
    }
  }
}

/** Asked before the credential is spent: neither is used up without the other. */
async function isApproved(transaction: Transaction, intent: Intent): Promise<boolean> {
  return intent.approval === undefined || isOpenApproval(transaction, approvalUse(intent));
}

async function useUpApproval(transaction: Transaction, intent: Intent): Promise<void> {
  if (intent.approval !== undefined && !(await useApproval(transaction, approvalUse(intent))))
    throw new Error(`The approval ${intent.approval} was used by another at the same time.`);
}

function approvalUse({ approval = '', subscriber = '', recordedAt }: Intent): ApprovalUse {
  return { id: approval, device: subscriber, now: recordedAt.toISOString() };
}

async function insertIntent(transaction: Transaction, intent: Intent): Promise<void> {
  const { credential, serialNumber, profile, publicKeyDigest } = intent;
  await insertIssuance(transaction, {
    ...intent,
    subscriber: intent.subscriber ?? null,
    relayedBy: intent.relayedBy ?? null,
    approval: intent.approval ?? null,
    revocationChallenge: intent.revocationChallenge ?? null,
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
    details: {
      profile,
      publicKeyDigest,
      requestKeyDigest: intent.requestKeyDigest,
      credential,
      linking: intent.linking,
      relayedBy: intent.relayedBy,
      approval: intent.approval,
    },
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
