/**
 * What others hold of ours and the ledger does not know, as after a restoration: certificates, and the revocations on a
 * published CRL.
 */

import { hash } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { CaCertificate } from '../ca/ca-chain.ts';
import { type Certificate, extensionOf } from '../ca/certificate.ts';
import type { RevokedCertificate } from '../ca/crl.ts';
import { wholeCrl } from '../ca/crl-partition.ts';
import { sameBytes } from '../ca/der.ts';
import { distributionPointUrls } from '../ca/extensions/distribution-point-urls.ts';
import type { PublishedCrl } from '../ca/read-crl.ts';
import { audit } from './audit-trail.ts';
import type { Database, IssuanceTable } from './database.ts';
import { holdersOfKey, insertIssuance } from './issuance-queries.ts';
import { raiseCrlNumber } from './restoration.ts';
import { releaseFromHold, revokeWhatIsLeft } from './revocation.ts';
import type { Transactions } from './transactions.ts';

/**
 * `revoked unseen`: known from a CRL alone. `intended`: on record as what was to be signed. `different`: the serial number
 * is on record for another certificate.
 */
export type Standing =
  | 'on record'
  | 'not on record'
  | 'revoked'
  | 'on hold'
  | 'revoked unseen'
  | 'intended'
  | 'different';

export interface AdoptionOrder {
  readonly issuer: CaCertificate;
  /** Signed by the issuer: the caller has verified it. */
  readonly certificate: Certificate;
  /** The device it is for, which is in the registry. */
  readonly subscriber: string;
  readonly profile: string;
  readonly at: Date;
  /** Who adopts it, for the audit log. */
  readonly by: string;
}

export type AdoptionOutcome =
  | { readonly adopted: boolean; readonly standing: Standing }
  | { readonly refused: string };

type Issuer = Pick<CaCertificate, 'id'>;

export async function standingOf(
  transactions: Transactions,
  { id }: Issuer,
  certificate: Certificate,
): Promise<Standing> {
  return compare(await rowOf(transactions.read, id, certificate.serialNumber), certificate);
}

/** Puts a certificate on record that is not; what is revoked stays so. */
export function adopt(transactions: Transactions, order: AdoptionOrder): Promise<AdoptionOutcome> {
  return transactions.write(async (transaction): Promise<AdoptionOutcome> => {
    const { issuer, certificate, subscriber, at, by } = order;
    const { serialNumber } = certificate;
    const standing = compare(await rowOf(transaction, issuer.id, serialNumber), certificate);
    if (!missing.has(standing)) return { adopted: false, standing };
    const objection = await objectionTo(transaction, order);
    if (objection) return { refused: objection };
    if (standing === 'not on record') await insert(transaction, order);
    if (standing === 'revoked unseen') await fillIn(transaction, order);
    await storeCertificate(transaction, order);
    if (standing === 'intended')
      await releaseFromHold(transaction, { issuer: issuer.id, serialNumber }, { at, by });
    await audit(transaction, {
      at,
      actor: by,
      action: 'certificate.adopted',
      object: serialNumber,
      details: { issuer: issuer.id, subscriber, standing },
    });
    return { adopted: true, standing };
  });
}

/** Entries taken over in one transaction. */
const entriesAtOnce = 500;

export interface TakenOver {
  /** On the CRL. */
  readonly entries: number;
  /** Of those, how many the ledger did not know of as revoked. */
  readonly revoked: number;
  /** Of those, how many the ledger did not know at all. */
  readonly unseen: number;
}

/**
 * Revokes what a published CRL lists, also serial numbers that are not on record, since the next CRL must list them too;
 * and sees to it that the next CRL has a higher number.
 */
export async function takeOverRevocations(
  transactions: Transactions,
  { issuer, number, urls, revoked }: PublishedCrl,
  { at, by }: { readonly at: Date; readonly by: string },
): Promise<TakenOver> {
  const total = { entries: revoked.length, revoked: 0, unseen: 0 };
  for (let start = 0; start < revoked.length; start += entriesAtOnce)
    await transactions.write(async (transaction) => {
      for (const entry of revoked.slice(start, start + entriesAtOnce)) {
        const known = await rowOf(transaction, issuer.id, entry.serialNumber);
        if (!known) await insertUnseen(transaction, issuer, { ...entry, urls }, at);
        total.revoked += await revokeListed(transaction, issuer, entry, { at, by });
        total.unseen += known ? 0 : 1;
      }
    });
  await transactions.write(async (transaction) => {
    await raiseCrlNumber(transaction, number + 1);
    await audit(transaction, {
      at,
      actor: by,
      action: 'crl.taken-over',
      object: String(number),
      details: { issuer: issuer.id, ...total },
    });
  });
  return total;
}

const missing: ReadonlySet<Standing> = new Set(['not on record', 'revoked unseen', 'intended']);

function compare(
  row: Selectable<IssuanceTable> | undefined,
  { der, toBeSigned }: Certificate,
): Standing {
  if (!row) return 'not on record';
  if (row.to_be_signed.length === 0) return 'revoked unseen';
  if (row.certificate === null)
    return sameBytes(row.to_be_signed, toBeSigned) ? standingOfIntent(row) : 'different';
  if (!sameBytes(row.certificate, der)) return 'different';
  if (row.revocation_reason === 'certificateHold') return 'on hold';
  return row.revoked_at === null ? 'on record' : 'revoked';
}

function standingOfIntent({ revoked_at, revocation_reason }: Selectable<IssuanceTable>): Standing {
  return revoked_at === null || revocation_reason === 'certificateHold' ? 'intended' : 'revoked';
}

function rowOf(
  db: Kysely<Database>,
  issuer: string,
  serialNumber: string,
): Promise<Selectable<IssuanceTable> | undefined> {
  return db
    .selectFrom('issuance')
    .selectAll()
    .where('issuer', '=', issuer)
    .where('serial_number', '=', serialNumber)
    .executeTakeFirst();
}

const digestOf = (certificate: Certificate) =>
  hash('sha256', certificate.subjectPublicKeyInfo, 'hex');

/** By the rules of a new certificate: a key belongs to one device, and one that was lost is never good again. */
async function objectionTo(
  db: Kysely<Database>,
  { certificate, subscriber }: AdoptionOrder,
): Promise<string | undefined> {
  const { rows } = await holdersOfKey(db, { publicKeyDigest: digestOf(certificate) });
  if (rows.some((row) => row.subscriber !== subscriber))
    return 'Its public key is certified for another device.';
  return rows.some((row) => row.revocation_reason === 'keyCompromise')
    ? 'Its public key was reported as compromised.'
    : undefined;
}

async function insert(transaction: Kysely<Database>, order: AdoptionOrder): Promise<void> {
  const { issuer, certificate, subscriber, profile, at, by } = order;
  await insertIssuance(transaction, {
    ...blank(by, at),
    issuer: issuer.id,
    serialNumber: certificate.serialNumber,
    toBeSigned: certificate.toBeSigned,
    publicKeyDigest: digestOf(certificate),
    profile,
    subscriber,
    crlPartition: await partitionAt(transaction, issuer.id, urlsOf(certificate)),
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
  });
}

/** What a CRL did not tell. */
function fillIn(transaction: Kysely<Database>, order: AdoptionOrder): Promise<unknown> {
  const { issuer, certificate, subscriber, profile } = order;
  return transaction
    .updateTable('issuance')
    .set({
      to_be_signed: certificate.toBeSigned,
      public_key_digest: digestOf(certificate),
      profile,
      subscriber,
      not_before: certificate.notBefore.toISOString(),
      not_after: certificate.notAfter.toISOString(),
    })
    .where('issuer', '=', issuer.id)
    .where('serial_number', '=', certificate.serialNumber)
    .execute();
}

function storeCertificate(
  transaction: Kysely<Database>,
  { issuer, certificate: { der: certificate, serialNumber }, at }: AdoptionOrder,
): Promise<unknown> {
  return transaction
    .updateTable('issuance')
    .set({ certificate, issued_at: at.toISOString() })
    .where('issuer', '=', issuer.id)
    .where('serial_number', '=', serialNumber)
    .execute();
}

/** Of a certificate that nobody has shown yet: it can be valid as long as its issuer. */
async function insertUnseen(
  transaction: Kysely<Database>,
  { id, notBefore, notAfter }: CaCertificate,
  { serialNumber, urls }: RevokedCertificate & Pick<PublishedCrl, 'urls'>,
  at: Date,
): Promise<void> {
  await insertIssuance(transaction, {
    ...blank('crl', at),
    issuer: id,
    serialNumber,
    toBeSigned: new Uint8Array(),
    publicKeyDigest: '',
    profile: 'unknown',
    subscriber: null,
    crlPartition: await partitionAt(transaction, id, urls),
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
  });
}

/** Where its CRL is, as it says itself. */
function urlsOf(certificate: Certificate): string[] {
  const points = extensionOf(certificate, 'crlDistributionPoints');
  return points ? distributionPointUrls(points.value) : [];
}

/** The partition whose CRL is at one of these addresses; none, so that it stands on the whole CRL alone, where there is none. */
async function partitionAt(
  db: Kysely<Database>,
  issuer: string,
  urls: readonly string[],
): Promise<number> {
  if (urls.length === 0) return wholeCrl;
  const row = await db
    .selectFrom('crl_url')
    .select('partition')
    .where('issuer', '=', issuer)
    .where('url', 'in', urls.slice(0, mostUrls))
    .executeTakeFirst();
  return row?.partition ?? wholeCrl;
}

const mostUrls = 16;

function blank(by: string, at: Date) {
  return {
    requestDigest: '',
    credentialKind: 'operator',
    credentialId: by,
    requestId: 'adopted',
    recordedAt: at.toISOString(),
    relayedBy: null,
    approval: null,
    revocationChallenge: null,
    supersedes: null,
    crlPartition: 0,
    endpoints: null,
    foundRegions: null,
  };
}

/** Counts since when the CRL says. @returns how many changed: one or none */
async function revokeListed(
  transaction: Kysely<Database>,
  { id: issuer }: CaCertificate,
  { serialNumber, reason, revokedAt, invalidityDate }: RevokedCertificate,
  { at, by }: { readonly at: Date; readonly by: string },
): Promise<number> {
  const order = { reason, at: revokedAt, ...(invalidityDate ? { invalidityDate } : {}) };
  const changed = await revokeWhatIsLeft(transaction, { issuer, serialNumber }, order);
  const action = reason === 'certificateHold' ? 'certificate.held' : 'certificate.revoked';
  for (const object of changed)
    await audit(transaction, { at, actor: by, action, object, details: { reason, revokedAt } });
  return changed.length;
}
