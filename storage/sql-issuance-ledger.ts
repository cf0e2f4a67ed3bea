import type { Kysely } from 'kysely';
import type { Credential } from '../ca/certificate-plan.ts';
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
import { objectionToBannedKey } from './banned-keys.ts';
import {
  isKnownExcess,
  objectionToBootstrapUse,
  useBootstrapCredential,
} from './bootstrap-uses.ts';
import { objectionToUnconfirmed } from './confirmed-keys.ts';
import type { Database } from './database.ts';
import {
  objectionToFactoryUse,
  repeatedSince,
  useFactoryCertificate,
} from './factory-certificates.ts';
import { followRenewal, isByKey, mayJoin, objectionToFirstKey, pinFirstKey } from './first-keys.ts';
import { announceIssuance } from './issuance-events.ts';
import {
  activeDevice,
  fulfilIntent,
  holdersOfKey,
  insertIssuance,
  issuanceByCredential,
  spendOneTimePassword,
  unspentOneTimePassword,
  validCertificate,
} from './issuance-queries.ts';
import { columnsOf, releaseFromHold, revokeAudited, type SerialNumber } from './revocation.ts';
import { issuanceOf } from './rows.ts';
import { type ApprovalUse, isOpenApproval, useApproval } from './sql-approvals.ts';
import { renewalOnRecord, supersedeAtOnce, supersedeByUse } from './superseded.ts';
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

  async objectionTo(foreseen: ForeseenIntent): Promise<IntentRefused | undefined> {
    const { read } = this.#transactions;
    const judged = await judge(read, foreseen);
    if (judged) return judged.kind === 'refused' ? judged : undefined;
    if (!(await credentialServes(read, foreseen))) return credentialSpent(foreseen);
    // Last of all: where this alone is missing, a person is asked.
    return objectionToUnconfirmed(read, foreseen);
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

/** Everything that may have changed since the caller was identified is asked again here, under the write lock. */
async function decideIntent(transaction: Transaction, intent: Intent): Promise<IntentOutcome> {
  const judged = await judge(transaction, intent);
  if (judged) return judged;
  if (!(await isApproved(transaction, intent)))
    return refusal('approval-used', `The approval ${intent.approval} is used up or has expired.`);
  const unconfirmed = await objectionToUnconfirmed(transaction, intent);
  if (unconfirmed) return unconfirmed;
  if (!(await spendCredential(transaction, intent))) return credentialSpent(intent);
  await useUpApproval(transaction, intent);
  return { kind: 'recorded' };
}

/** What is told without asking the approval and the credential. @returns undefined where it is up to them */
async function judge(
  db: Kysely<Database>,
  intent: ForeseenIntent,
): Promise<IntentOutcome | undefined> {
  for (const device of [intent.subscriber, intent.relayedBy])
    if (device !== undefined && !(await isActive(db, device)) && !(await mayJoin(db, intent)))
      return refusal('subscriber-inactive', `Device ${device} is blocked or removed.`);
  return (
    (await objectionToBannedKey(db, intent)) ??
    (await objectionToKey(db, intent)) ??
    (await repeatOf(db, intent)) ??
    (await objectionToFirstKey(db, intent)) ??
    (await objectionToBootstrapUse(db, intent)) ??
    objectionToFactoryUse(db, intent)
  );
}

function refusal(code: IntentRefused['code'], reason: string): IntentRefused {
  return { kind: 'refused', code, reason };
}

function credentialSpent({ credential: { id } }: ForeseenIntent): IntentRefused {
  return refusal('credential-spent', `The credential ${id} is spent or no longer valid.`);
}

async function isActive(db: Kysely<Database>, device: string): Promise<boolean> {
  const { rows } = await activeDevice(db, { device });
  return rows.length > 0;
}

/** A key belongs to one device, and one that was lost is never certified again, whoever holds a credential. */
export async function objectionToKey(
  db: Kysely<Database>,
  { publicKeyDigest, subscriber: owner }: Pick<ForeseenIntent, 'publicKeyDigest' | 'subscriber'>,
): Promise<IntentRefused | undefined> {
  // A key that is still to be made is nobody's.
  if (publicKeyDigest === undefined) return undefined;
  const { rows } = await holdersOfKey(db, { publicKeyDigest });
  if (rows.some(({ subscriber }) => subscriber !== (owner ?? null)))
    return refusal('key-in-use', 'The public key is already certified for another device.');
  return rows.some(({ revocation_reason: reason }) => reason === 'keyCompromise')
    ? refusal('key-compromised', 'The public key was reported as compromised; make a new one.')
    : undefined;
}

/** What this credential already got for this request; a revoked certificate is never released again. */
async function repeatOf(
  db: Kysely<Database>,
  intent: ForeseenIntent,
): Promise<IntentOutcome | undefined> {
  const { credential, requestDigest, recordedAt } = intent;
  if (credential.kind === 'operator') return undefined;
  const since = await repeatsSince(db, intent);
  if (!since) return undefined;
  const { rows } = await issuanceByCredential(db, {
    issuer: intent.issuer,
    ...credential,
    requestDigest,
    since: since.toISOString(),
  });
  const [row] = rows;
  // Nobody who lost an answer is helped with one that has expired.
  const over = row && isLasting(credential) && new Date(row.not_after) <= recordedAt;
  return row && !over ? { kind: 'repeated', record: issuanceOf(row) } : undefined;
}

/** Whether a device may come with it again, when its certificate has ended. */
function isLasting({ kind }: Credential): boolean {
  return kind === 'factory-certificate' || kind === 'bootstrap-credential';
}

async function repeatsSince(
  db: Kysely<Database>,
  intent: ForeseenIntent,
): Promise<Date | undefined> {
  const windowBegins = new Date(intent.recordedAt.getTime() - repeatWindowMs);
  switch (intent.credential.kind) {
    case 'one-time-password':
    case 'bootstrap-credential':
      return new Date(0);
    case 'factory-certificate':
      return repeatedSince(db, intent, windowBegins);
    default:
      return windowBegins;
  }
}

/** Single use is a conditional UPDATE: of any number of racing requests, one changes the row. */
async function spendCredential(transaction: Transaction, intent: Intent): Promise<boolean> {
  const { credential, recordedAt, subscriber: device = '' } = intent;
  if (credential.kind === 'factory-certificate') return useFactoryCertificate(transaction, intent);
  if (isByKey(intent)) return spendByKey(transaction, intent);
  if (credential.kind !== 'one-time-password') {
    await followRenewal(transaction, intent);
    return credentialServes(transaction, intent);
  }
  const publicKeyDigest = intent.requestKeyDigest ?? intent.publicKeyDigest;
  const values = { id: credential.id, device, publicKeyDigest, now: recordedAt.toISOString() };
  return (await spendOneTimePassword(transaction, values)).rows.length === 1;
}

async function spendByKey(transaction: Transaction, intent: Intent): Promise<boolean> {
  if (intent.credential.kind !== 'bootstrap-credential') return pinFirstKey(transaction, intent);
  if (!(await useBootstrapCredential(transaction, intent))) return false;
  // Nobody counts without getting something for it.
  if (!(await pinFirstKey(transaction, intent)))
    throw new Error(`The device ${intent.subscriber} could not be pinned to its key.`);
  return true;
}

async function credentialServes(db: Kysely<Database>, intent: ForeseenIntent): Promise<boolean> {
  const { credential, recordedAt, subscriber = '', relayedBy = '' } = intent;
  const { kind, id } = credential;
  const now = recordedAt.toISOString();
  switch (kind) {
    case 'operator':
    // Judged before, with the reason: objectionToFactoryUse, objectionToFirstKey, objectionToBootstrapUse.
    case 'factory-certificate':
    case 'bootstrap-credential':
    case 'request-key':
      return true;
    case 'one-time-password':
      return (await unspentOneTimePassword(db, { id, device: subscriber, now })).rows.length === 1;
    case 'client-certificate':
    case 'registration-authority': {
      const holder = kind === 'registration-authority' ? relayedBy : subscriber;
      const values = { serialNumber: id, subscriber: holder, now };
      return (await validCertificate(db, values)).rows.length === 1;
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
