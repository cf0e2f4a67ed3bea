import type { Kysely } from 'kysely';
import type {
  CertificatesOf,
  ForeseenIntent,
  FulfilledIntent,
  Intent,
  IntentOutcome,
  IntentRefused,
  IssuanceLedger,
  IssuanceRecord,
  LiveCertificates,
  Renewal,
  RevocationOrder,
} from '../ca/issuance-ledger.ts';
import { acceptClock, audit, latestAudited } from './audit-trail.ts';
import { isKnownExcess } from './bootstrap-uses.ts';
import type { Database } from './database.ts';
import { decideIntent, objectionTo } from './decide-intent.ts';
import { announceIssuance } from './issuance-events.ts';
import { fulfilIntent, insertIssuance } from './issuance-queries.ts';
import { repeatOf } from './repeated-request.ts';
import { columnsOf, releaseFromHold, revokeAudited, type SerialNumber } from './revocation.ts';
import { issuanceOf } from './rows.ts';
import { renewalOnRecord, supersedeAtOnce, supersedeByUse } from './superseded.ts';
import type { Transactions } from './transactions.ts';

type Transaction = Kysely<Database>;

export class SqlIssuanceLedger implements IssuanceLedger {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  recordIntent(intent: Intent): Promise<IntentOutcome> {
    return this.#transactions.write(async (transaction) => {
      const outcome = await decideIntent(transaction, intent);
      if (outcome.kind === 'recorded') await insertIntent(transaction, intent);
      if (outcome.kind === 'refused' && !(await isKnownExcess(transaction, intent, outcome)))
        await audit(transaction, {
          ...auditBase(intent),
          action: 'certificate.refused',
          object: intent.credential.id,
          details: { code: outcome.code, reason: outcome.reason },
        });
      return outcome;
    });
  }

  objectionTo(foreseen: ForeseenIntent): Promise<IntentRefused | undefined> {
    return objectionTo(this.#transactions.read, foreseen);
  }

  async repetitionOf(foreseen: ForeseenIntent): Promise<IssuanceRecord | undefined> {
    const repeated = await repeatOf(this.#transactions.read, foreseen);
    return repeated?.kind === 'repeated' ? repeated.record : undefined;
  }

  recordCertificate(
    { supersedesAtOnce = false, ...key }: FulfilledIntent,
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
      await announceIssuance(transaction, key, at, requestId);
      if (supersedesAtOnce) await supersedeAtOnce(transaction, key, at);
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

  async list(filter: {
    subscriber?: string;
    unfinishedSince?: Date;
    limit: number;
  }): Promise<IssuanceRecord[]> {
    const { subscriber, unfinishedSince, limit } = filter;
    let query = this.#transactions.read.selectFrom('issuance').selectAll();
    if (subscriber !== undefined) query = query.where('subscriber', '=', subscriber);
    if (unfinishedSince !== undefined)
      query = query
        .where('certificate', 'is', null)
        .where('revoked_at', 'is', null)
        .where('recorded_at', '<=', unfinishedSince.toISOString());
    const rows = await query.orderBy('recorded_at', 'desc').limit(limit).execute();
    return rows.map(issuanceOf);
  }

  async revoke(
    issuer: string,
    serialNumber: string,
    order: RevocationOrder,
  ): Promise<IssuanceRecord | undefined> {
    const [record] = await this.#revokeAll({ issuer, serialNumber }, order);
    return record;
  }

  revokeAll(of: CertificatesOf, order: RevocationOrder): Promise<IssuanceRecord[]> {
    return this.#revokeAll(of, order);
  }

  #revokeAll(of: CertificatesOf | SerialNumber, order: RevocationOrder): Promise<IssuanceRecord[]> {
    return this.#transactions.write(async (transaction) => {
      await revokeAudited(transaction, of, order);
      return recordsOf(transaction, of);
    });
  }

  release(
    issuer: string,
    serialNumber: string,
    order: Pick<RevocationOrder, 'at' | 'by'>,
  ): Promise<{ record: IssuanceRecord; released: boolean } | undefined> {
    return this.#transactions.write(async (transaction) => {
      const of = { issuer, serialNumber };
      const released = await releaseFromHold(transaction, of, order);
      const [record] = await recordsOf(transaction, of);
      return record && { record, released };
    });
  }

  supersede(issuer: string, serialNumber: string, at: Date): Promise<void> {
    return this.#transactions.write((transaction) =>
      supersedeByUse(transaction, { issuer, serialNumber }, at),
    );
  }

  async renewalOf(renewal: Renewal): Promise<IssuanceRecord | undefined> {
    const row = await renewalOnRecord(this.#transactions.read, renewal);
    return row && issuanceOf(row);
  }

  async liveCertificates(issuer: string, at: Date): Promise<LiveCertificates> {
    const { count, last } = await this.#transactions.read
      .selectFrom('issuance')
      .select(({ fn }) => [fn.countAll().as('count'), fn.max('not_after').as('last')])
      .where('issuer', '=', issuer)
      .where('subscriber', 'is not', null)
      .where('not_after', '>', at.toISOString())
      // What is on hold may come back.
      .where((eb) =>
        eb.or([eb('revoked_at', 'is', null), eb('revocation_reason', '=', 'certificateHold')]),
      )
      .executeTakeFirstOrThrow();
    return { count: Number(count), ...(last === null ? {} : { lastEnds: new Date(last) }) };
  }

  latestEntry(): Promise<Date | undefined> {
    return latestAudited(this.#transactions.read);
  }

  acceptClock(at: Date, by: string): Promise<void> {
    return this.#transactions.write((transaction) => acceptClock(transaction, at, by));
  }
}

async function recordsOf(
  transaction: Transaction,
  of: CertificatesOf | SerialNumber,
): Promise<IssuanceRecord[]> {
  const rows = await transaction
    .selectFrom('issuance')
    .selectAll()
    .where((eb) => eb.and(columnsOf(of)))
    .orderBy('recorded_at', 'desc')
    .execute();
  return rows.map(issuanceOf);
}

function auditBase(intent: Intent): { at: Date; actor: string; requestId: string } {
  const { recordedAt, subscriber, credential, requestId } = intent;
  return { at: recordedAt, actor: subscriber ?? credential.id, requestId };
}

async function insertIntent(transaction: Transaction, intent: Intent): Promise<void> {
  const { credential, serialNumber, profile, publicKeyDigest } = intent;
  await insertIssuance(transaction, {
    ...intent,
    subscriber: intent.subscriber ?? null,
    relayedBy: intent.relayedBy ?? null,
    approval: intent.approval ?? null,
    revocationChallenge: intent.revocationChallenge ?? null,
    supersedes: intent.supersedes ?? null,
    crlPartition: intent.crlPartition ?? 0,
    foundRegions: intent.foundRegions ? JSON.stringify(intent.foundRegions) : null,
    endpoints: intent.endpoints ? JSON.stringify(intent.endpoints) : null,
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
      supersedes: intent.supersedes,
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
