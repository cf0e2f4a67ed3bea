/**
 * The tables, as Kysely types. Times are ISO 8601 in UTC, which sort as text in every engine; lists are JSON.
 */

import type { Generated } from 'kysely';

export interface TenantTable {
  id: string;
  endpoints: string;
  suspended: number;
  created_at: string;
  /** JSON, like `endpoints`; null where none are set. */
  quarantine: string | null;
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
  region: string | null;
  site: string | null;
  building: string | null;
  /** JSON of names and texts. */
  context: Generated<string>;
  quarantined: Generated<number>;
  manufacturer: Generated<string | null>;
  /** SHA-256 of the SubjectPublicKeyInfo that it is pinned to. */
  factory_key: Generated<string | null>;
  /** When it last got a certificate by it, unless it was reset since. */
  factory_used_at: Generated<string | null>;
  /** The last other key that was shown for it. */
  foreign_factory_key: Generated<string | null>;
  /** Digest of the list it came in by. */
  order_list: Generated<string | null>;
  /** SHA-256 of the SubjectPublicKeyInfo that it is known by. */
  first_key: Generated<string | null>;
  /** Since when it is known by that one. */
  first_key_at: Generated<string | null>;
  /** The last other key that came in its name. */
  foreign_key: Generated<string | null>;
}

export interface ManufacturerTable {
  id: string;
  serial_from: string;
  model_from: string | null;
  /** JSON, like `tenants`. */
  models: string;
  tenants: string;
  created_at: string;
}

/** Trust anchors of manufacturers, and intermediates below them. */
export interface ManufacturerCertificateTable {
  manufacturer: string;
  /** `anchor` or `intermediate`. */
  role: string;
  position: number;
  public_key_digest: string;
  der: Uint8Array;
}

export interface OneTimePasswordTable {
  id: string;
  kind: Generated<string>;
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

/** Pairing codes that failed for a device; a trigger removes the row when the device spends a password. */
export interface PairingFailureTable {
  device: string;
  failures: number;
  last_at: string;
}

/** A secret that a batch of devices shares. */
export interface BootstrapCredentialTable {
  id: string;
  device_group: string;
  secret_hash: string;
  quota: number;
  uses: number;
  state: string;
  not_before: string;
  not_after: string;
  created_at: string;
  created_by: string;
  /** When the first device came that it had no place left for. */
  exceeded_at: string | null;
}

/** A device that counts: as many rows as its credential has uses. */
export interface BootstrapUseTable {
  credential: string;
  device: string;
  public_key_digest: string;
  at: string;
}

/** A file of devices, and how far it is in the registry. */
export interface OrderListTable {
  /** SHA-256 of the file, hexadecimal. */
  digest: string;
  begun_at: string;
  begun_by: string;
  /** The last one that is done; 1 is the heading. */
  row: number;
  added: number;
  refused: number;
  /** Octets of the file of errors that report rows up to this one. */
  errors_length: number;
  finished_at: string | null;
  credentials_at: string | null;
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
  /** JSON of FoundRegions; null where the request showed none. */
  found_regions: string | null;
  /** JSON of the endpoints it says; null where that was not recorded. */
  endpoints: string | null;
}

/** What a group's devices get in place of the endpoints of its tenant. */
export interface AllocationPolicyTable {
  label: string;
  /** JSON of an AllocationPolicy. */
  policy: string;
  set_at: string;
  set_by: string;
}

/** Endpoints that an operator has marked as not available. */
export interface EndpointDownTable {
  endpoint: string;
  since: string;
  by: string;
}

/** One row: how often anything was changed that allocation depends on, besides devices and tenants. */
export interface AllocationRevisionTable {
  number: number;
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

/** A key that waits for a person, or about which one has decided. */
export interface StagedDeviceTable {
  id: string;
  device_group: string;
  tenant: string;
  /** The id that it came under: of a device that is registered, or made of its key. */
  device: string;
  newcomer: number;
  public_key_digest: string;
  serial_number: string | null;
  model: string | null;
  subject: string;
  /** JSON. */
  names: string;
  credential_kind: string;
  credential_id: string;
  factory_subject: string | null;
  /** Of the code that it shows, keyed and bound to its key. */
  code_hash: string | null;
  wrong_codes: Generated<number>;
  asks: Generated<number>;
  source: string;
  state: string;
  /** The device that it was confirmed as. */
  confirmed_as: string | null;
  reason: string | null;
  decided_by: string | null;
  decided_at: string | null;
  first_seen: string;
  last_seen: string;
  expires_at: string;
}

export interface BannedKeyTable {
  public_key_digest: string;
  reason: string | null;
  banned_at: string;
  banned_by: string;
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

export interface EventTable {
  sequence: Generated<number>;
  id: string;
  type: string;
  at: string;
  tenant: string | null;
  device: string | null;
  /** JSON. */
  data: string;
}

export interface WebhookTable {
  id: string;
  url: string;
  purpose: string;
  /** JSON: types of events, or patterns of them. */
  types: string;
  tenant: string | null;
  state: string;
  reason: string | null;
  created_at: string;
  /** Sequence of the last event that it was looked at for. */
  cursor: number;
  /** Who delivers to it, until when. */
  taken_by: string | null;
  taken_until: string | null;
}

export interface WebhookSecretTable {
  id: string;
  webhook: string;
  sealed: Uint8Array;
  created_at: string;
  expires_at: string | null;
}

export interface WebhookDeliveryTable {
  webhook: string;
  /** Its sequence. */
  event: number;
  state: string;
  attempts: number;
  next_attempt_at: string | null;
  attempted_at: string | null;
  status: number | null;
  problem: string | null;
}

export interface CampaignTable {
  name: string;
  /** JSON of a CampaignChange. */
  change: string;
  pace_devices: number;
  pace_seconds: number;
  state: string;
  /** Whoever releases devices moves it on, and only from where it found it. */
  next_release_at: string;
  created_at: string;
  created_by: string;
  ended_at: string | null;
}

export interface CampaignDeviceTable {
  campaign: string;
  device: string;
  position: number;
  state: string;
  /** JSON of the Place that it had. */
  former: string;
  /** 1 until the campaign has ended, or has passed the device over; a device is in one such campaign at most. */
  active: number;
  released_at: string | null;
  moved_at: string | null;
  /** Serial number of the newest certificate since it was released; kept by a trigger. */
  renewed: string | null;
  checked_at: string | null;
  reason: string | null;
}

export interface Database {
  tenant: TenantTable;
  device_group: DeviceGroupTable;
  device: DeviceTable;
  manufacturer: ManufacturerTable;
  manufacturer_certificate: ManufacturerCertificateTable;
  one_time_password: OneTimePasswordTable;
  pairing_failure: PairingFailureTable;
  bootstrap_credential: BootstrapCredentialTable;
  bootstrap_use: BootstrapUseTable;
  order_list: OrderListTable;
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
  staged_device: StagedDeviceTable;
  banned_key: BannedKeyTable;
  ca_state: CaStateTable;
  profile: ProfileTable;
  profile_activation: ProfileActivationTable;
  audit_log: AuditLogTable;
  audit_clock: AuditClockTable;
  authentication_failure: AuthenticationFailureTable;
  digest_nonce: DigestNonceTable;
  device_key: DeviceKeyTable;
  event: EventTable;
  webhook: WebhookTable;
  webhook_secret: WebhookSecretTable;
  webhook_delivery: WebhookDeliveryTable;
  campaign: CampaignTable;
  campaign_device: CampaignDeviceTable;
  allocation_policy: AllocationPolicyTable;
  endpoint_down: EndpointDownTable;
  allocation_revision: AllocationRevisionTable;
}
