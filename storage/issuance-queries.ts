/** The queries every enrollment runs, compiled once. */

import { compiledQuery } from './compiled-query.ts';

export const activeDevice = compiledQuery((db, { device }: { device: string }) =>
  db
    .selectFrom('device')
    .innerJoin('tenant', 'tenant.id', 'device.tenant')
    .select('device.id')
    .where('device.id', '=', device)
    .where('device.status', '=', 'active')
    .where('tenant.suspended', '=', 0),
);

/** Whose certificates the key is in, and why they were revoked; null stands for a certificate of no device. */
export const holdersOfKey = compiledQuery((db, { publicKeyDigest }: { publicKeyDigest: string }) =>
  db
    .selectFrom('issuance')
    .select(['subscriber', 'revocation_reason'])
    .distinct()
    .where('public_key_digest', '=', publicKeyDigest)
    // One device's certificates differ by their reasons alone, of which there are nine.
    .limit(16),
);

/** A certificate of the device that was recorded since then, and revoked or held for any reason but a newer one. */
export const revokedSince = compiledQuery(
  (db, { device, since }: { device: string; since: string }) =>
    db
      .selectFrom('issuance')
      .select('serial_number')
      .where('subscriber', '=', device)
      .where('recorded_at', '>=', since)
      .where('revoked_at', 'is not', null)
      .where('revocation_reason', '!=', 'superseded')
      .limit(1),
);

export const issuanceByCredential = compiledQuery(
  (
    db,
    {
      issuer,
      kind,
      id,
      requestDigest,
      since,
    }: { issuer: string; kind: string; id: string; requestDigest: string; since: string },
  ) =>
    db
      .selectFrom('issuance')
      .selectAll()
      .where('credential_id', '=', id)
      .where('credential_kind', '=', kind)
      // What another key of the CA began before it was replaced, it cannot finish.
      .where((eb) => eb.or([eb('issuer', '=', issuer), eb('certificate', 'is not', null)]))
      .where('request_digest', '=', requestDigest)
      .where('recorded_at', '>=', since)
      .where('revoked_at', 'is', null)
      .orderBy('recorded_at', 'desc')
      .limit(1),
);

/** Returns the row it changed, or none: then the password is spent, revoked, expired or another device's. */
export const spendOneTimePassword = compiledQuery(
  (
    db,
    {
      id,
      device,
      publicKeyDigest,
      now,
    }: { id: string; device: string; publicKeyDigest: string; now: string },
  ) =>
    db
      .updateTable('one_time_password')
      .set({ state: 'spent', spent_at: now, public_key_digest: publicKeyDigest })
      .where('id', '=', id)
      .where('device', '=', device)
      .where('state', '=', 'unused')
      .where('expires_at', '>', now)
      .returning('id'),
);

/** What spendOneTimePassword would spend. */
export const unspentOneTimePassword = compiledQuery(
  (db, { id, device, now }: { id: string; device: string; now: string }) =>
    db
      .selectFrom('one_time_password')
      .select('id')
      .where('id', '=', id)
      .where('device', '=', device)
      .where('state', '=', 'unused')
      .where('expires_at', '>', now),
);

/** Whichever key of the CA issued it: serial numbers are random, so no two of them use the same. */
export const validCertificate = compiledQuery(
  (
    db,
    { serialNumber, subscriber, now }: { serialNumber: string; subscriber: string; now: string },
  ) =>
    db
      .selectFrom('issuance')
      .select('serial_number')
      .where('serial_number', '=', serialNumber)
      .where('subscriber', '=', subscriber)
      .where('revoked_at', 'is', null)
      .where('not_after', '>', now),
);

export interface NewIssuance {
  readonly issuer: string;
  readonly serialNumber: string;
  readonly toBeSigned: Uint8Array;
  readonly publicKeyDigest: string;
  readonly requestDigest: string;
  readonly profile: string;
  readonly subscriber: string | null;
  readonly credentialKind: string;
  readonly credentialId: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly requestId: string;
  readonly recordedAt: string;
  readonly relayedBy: string | null;
  readonly approval: string | null;
  readonly revocationChallenge: string | null;
  readonly supersedes: string | null;
  readonly crlPartition: number;
  /** JSON. */
  readonly foundRegions: string | null;
  /** JSON. */
  readonly endpoints: string | null;
}

export const insertIssuance = compiledQuery((db, values: NewIssuance) =>
  db.insertInto('issuance').values({
    issuer: values.issuer,
    serial_number: values.serialNumber,
    to_be_signed: values.toBeSigned,
    certificate: null,
    public_key_digest: values.publicKeyDigest,
    request_digest: values.requestDigest,
    profile: values.profile,
    subscriber: values.subscriber,
    credential_kind: values.credentialKind,
    credential_id: values.credentialId,
    not_before: values.notBefore,
    not_after: values.notAfter,
    request_id: values.requestId,
    recorded_at: values.recordedAt,
    issued_at: null,
    revoked_at: null,
    revocation_reason: null,
    relayed_by: values.relayedBy,
    approval: values.approval,
    revocation_challenge: values.revocationChallenge,
    supersedes: values.supersedes,
    crl_partition: values.crlPartition,
    found_regions: values.foundRegions,
    endpoints: values.endpoints,
  }),
);

/** Puts the certificate to its intent, unless one is there already or the intent was revoked. */
export const fulfilIntent = compiledQuery(
  (
    db,
    {
      issuer,
      serialNumber,
      certificate,
      at,
    }: { issuer: string; serialNumber: string; certificate: Uint8Array; at: string },
  ) =>
    db
      .updateTable('issuance')
      .set({ certificate, issued_at: at })
      .where('issuer', '=', issuer)
      .where('serial_number', '=', serialNumber)
      .where('certificate', 'is', null)
      .where('revoked_at', 'is', null)
      .returning('subscriber'),
);
