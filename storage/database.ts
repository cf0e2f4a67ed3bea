/**
 * The tables, as Kysely types. Times are ISO 8601 in UTC, which sort as text in every engine; lists are JSON.
 */

import type { Generated } from 'kysely';

export interface TenantTable {
  id: string;
  endpoints: string;
  suspended: number;
  created_at: string;
}

export interface DeviceGroupTable {
  label: string;
  tenant: string;
  /** JSON. */
  settings: string;
  created_at: string;
}

export interface DeviceTable {
  id: string;
  tenant: string;
  device_group: string;
  serial_number: string | null;
  names: string;
  status: string;
  role: string;
  created_at: string;
}

export interface OneTimePasswordTable {
  id: string;
  device: string;
  password_hash: string;
  digest_secret: Uint8Array | null;
  cmc_secret: Uint8Array | null;
  state: string;
  created_at: string;
  expires_at: string;
  spent_at: string | null;
  public_key_digest: string | null;
}

/** A row is an intent until `certificate` is set. */
export interface IssuanceTable {
  issuer: string;
  serial_number: string;
  to_be_signed: Uint8Array;
  certificate: Uint8Array | null;
  public_key_digest: string;
  request_digest: string;
  profile: string;
  subscriber: string | null;
  credential_kind: string;
  credential_id: string;
  not_before: string;
  not_after: string;
  request_id: string;
  recorded_at: string;
  issued_at: string | null;
  revoked_at: string | null;
  revocation_reason: string | null;
  invalidity_date: string | null;
  relayed_by: string | null;
  revocation_challenge: string | null;
  approval: string | null;
  /** Serial number of the certificate to revoke when this one is first used; null once that is done. */
  supersedes: string | null;
}

export interface ApprovalTable {
  id: string;
  device: string;
  request_digest: string;
  public_key_digest: string;
  subject: string;
  names: string;
  profile: string;
  source: string;
  state: string;
  reason: string | null;
  decided_by: string | null;
  decided_at: string | null;
  first_seen: string;
  last_seen: string;
  expires_at: string;
}

/** The newest CRLs of each issuer. */
export interface CrlTable {
  issuer: string;
  number: number;
  this_update: string;
  next_update: string;
  revocations: number;
  der: Uint8Array;
}

/** How often a certificate of an issuer was revoked, held or released so far; kept by a trigger. */
export interface RevocationCountTable {
  issuer: string;
  revocations: number;
}

/** One row: the latest time of the audit log; kept by a trigger. */
export interface AuditClockTable {
  latest: string;
}

export interface AuditLogTable {
  id: Generated<number>;
  at: string;
  actor: string;
  action: string;
  object: string;
  request_id: string | null;
  details: string;
}

export interface AuthenticationFailureTable {
  bucket: string;
  failures: number;
  window_ends: string;
}

export interface DigestNonceTable {
  nonce: string;
  highest_count: number;
  expires_at: string;
}

export interface DeviceKeyTable {
  device: string;
  id: string;
  kind: string;
  material: Uint8Array;
  created_at: string;
}

export interface Database {
  tenant: TenantTable;
  device_group: DeviceGroupTable;
  device: DeviceTable;
  one_time_password: OneTimePasswordTable;
  issuance: IssuanceTable;
  crl: CrlTable;
  revocation_count: RevocationCountTable;
  approval: ApprovalTable;
  audit_log: AuditLogTable;
  audit_clock: AuditClockTable;
  authentication_failure: AuthenticationFailureTable;
  digest_nonce: DigestNonceTable;
  device_key: DeviceKeyTable;
}
