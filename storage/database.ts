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
  /** Of the CRL; 0 is none, so that it stands on the whole CRL alone. */
  crl_partition: Generated<number>;
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

/** The newest CRLs of each scope: of an issuer (partition 0), and of each partition of its certificates. */
export interface CrlTable {
  issuer: string;
  partition: number;
  number: number;
  this_update: string;
  next_update: string;
  revocations: number;
  /** Octets altogether. */
  size: number;
  /** Of crl_octets. */
  octets: string;
}

/** The DER of CRLs, cut in pieces, so that no write of a large one holds up others for long. */
export interface CrlOctetsTable {
  id: string;
  piece: number;
  octets: Uint8Array;
}

/** CRLs that are being written, piece by piece. */
export interface CrlDraftTable {
  id: string;
  begun_at: string;
}

/** Whose turn it is to make the next CRL of a scope. */
export interface CrlTurnTable {
  issuer: string;
  partition: number;
  taken_by: string;
  until: string;
}

/** How often a certificate of a scope was revoked, held or released so far; kept by a trigger. A scope is known by its row. */
export interface RevocationCountTable {
  issuer: string;
  partition: number;
  revocations: number;
}

/** What certificates of a scope say where its CRL is, now or formerly. */
export interface CrlUrlTable {
  issuer: string;
  partition: number;
  url: string;
  opened_at: string;
}

/** One row: the latest time of the audit log; kept by a trigger. */
export interface AuditClockTable {
  latest: string;
}

/** At most one row: the next CRL of any issuer has at least this number. */
export interface CrlNumberFloorTable {
  number: number;
}

/** One row when the database goes on elsewhere. */
export interface MovedAwayTable {
  at: string;
  by: string;
}

/** What the CA consisted of since each version. */
export interface CaStateTable {
  version: number;
  /** JSON of a CaState. */
  document: string;
  at: string;
  by: string;
}

/** A version of a certificate profile. */
export interface ProfileTable {
  name: string;
  version: number;
  /** YAML, as written. */
  text: string;
  /** JSON of a CompleteProfileConfig. */
  config: string;
  created_at: string;
  created_by: string;
}

/** Null is the version of the built-in profile. */
export interface ProfileActivationTable {
  id: Generated<number>;
  name: string;
  version: number | null;
  at: string;
  by: string;
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
  crl_octets: CrlOctetsTable;
  crl_draft: CrlDraftTable;
  crl_turn: CrlTurnTable;
  crl_url: CrlUrlTable;
  revocation_count: RevocationCountTable;
  crl_number_floor: CrlNumberFloorTable;
  moved_away: MovedAwayTable;
  approval: ApprovalTable;
  ca_state: CaStateTable;
  profile: ProfileTable;
  profile_activation: ProfileActivationTable;
  audit_log: AuditLogTable;
  audit_clock: AuditClockTable;
  authentication_failure: AuthenticationFailureTable;
  digest_nonce: DigestNonceTable;
  device_key: DeviceKeyTable;
}
