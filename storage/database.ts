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
  linking: string;
  created_at: string;
}

export interface DeviceTable {
  id: string;
  tenant: string;
  device_group: string;
  serial_number: string | null;
  names: string;
  status: string;
  created_at: string;
}

export interface OneTimePasswordTable {
  id: string;
  device: string;
  password_hash: string;
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

export interface Database {
  tenant: TenantTable;
  device_group: DeviceGroupTable;
  device: DeviceTable;
  one_time_password: OneTimePasswordTable;
  issuance: IssuanceTable;
  audit_log: AuditLogTable;
  authentication_failure: AuthenticationFailureTable;
}
