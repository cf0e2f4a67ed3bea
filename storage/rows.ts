/** Rows into the values of the domain. */

import type { Selectable } from 'kysely';
import type { Credential } from '../ca/certificate-plan.ts';
import type { IssuanceRecord, RevocationReason } from '../ca/issuance-ledger.ts';
import type { BootstrapCredential } from '../enrollment/bootstrap-credential.ts';
import type { Device } from '../enrollment/device.ts';
import type { Group } from '../enrollment/group.ts';
import { defaultSettings, type GroupSettings } from '../enrollment/group-settings.ts';
import type { OneTimePassword, PasswordKind } from '../enrollment/one-time-password.ts';
import type { Tenant } from '../enrollment/tenant.ts';
import type {
  BootstrapCredentialTable,
  DeviceGroupTable,
  DeviceTable,
  IssuanceTable,
  OneTimePasswordTable,
  TenantTable,
} from './database.ts';

export function tenantOf(row: Selectable<Omit<TenantTable, 'created_at'>>): Tenant {
  return {
    id: row.id,
    endpoints: JSON.parse(row.endpoints),
    suspended: row.suspended !== 0,
    ...(row.quarantine === null ? {} : { quarantine: JSON.parse(row.quarantine) }),
  };
}

export function groupOf(row: Selectable<Omit<DeviceGroupTable, 'created_at'>>): Group {
  return { label: row.label, tenant: row.tenant, settings: settingsOf(row.settings) };
}

const readSettings = new Map<string, GroupSettings>();

/** Settings that were written before a setting existed get its default. Every enrollment reads them, so they are kept. */
function settingsOf(json: string): GroupSettings {
  let settings = readSettings.get(json);
  if (!settings) {
    settings = { ...defaultSettings, ...JSON.parse(json) } as GroupSettings;
    if (readSettings.size >= 1000) readSettings.clear();
    readSettings.set(json, settings);
  }
  return settings;
}

export function deviceOf(row: Selectable<Omit<DeviceTable, 'created_at'>>): Device {
  return {
    id: row.id,
    tenant: row.tenant,
    group: row.device_group,
    ...(row.serial_number === null ? {} : { serialNumber: row.serial_number }),
    names: JSON.parse(row.names),
    status: row.status === 'active' ? 'active' : 'blocked',
    role: row.role as Device['role'],
    ...(row.region === null ? {} : { region: row.region }),
    ...(row.site === null ? {} : { site: row.site }),
    ...(row.building === null ? {} : { building: row.building }),
    ...(row.context === '{}' ? {} : { context: JSON.parse(row.context) }),
    ...(row.quarantined === 0 ? {} : { quarantined: true }),
    ...(row.manufacturer === null ? {} : { manufacturer: row.manufacturer }),
    ...(row.factory_key === null ? {} : { factoryKey: row.factory_key }),
    ...(row.factory_used_at === null ? {} : { factoryUsedAt: new Date(row.factory_used_at) }),
    ...(row.foreign_factory_key === null ? {} : { foreignFactoryKey: row.foreign_factory_key }),
    ...(row.order_list === null ? {} : { ordered: true }),
    ...(row.first_key === null ? {} : { firstKey: row.first_key }),
    ...(row.first_key_at === null ? {} : { firstKeyAt: new Date(row.first_key_at) }),
    ...(row.foreign_key === null ? {} : { foreignKey: row.foreign_key }),
  };
}

export function oneTimePasswordOf(
  row: Selectable<Omit<OneTimePasswordTable, 'password_hash' | 'digest_secret' | 'cmc_secret'>>,
): OneTimePassword {
  return {
    id: row.id,
    kind: row.kind as PasswordKind,
    device: row.device,
    state: row.state as OneTimePassword['state'],
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
    ...(row.spent_at === null ? {} : { spentAt: new Date(row.spent_at) }),
    ...(row.public_key_digest === null ? {} : { publicKeyDigest: row.public_key_digest }),
  };
}

export function bootstrapCredentialOf(
  row: Selectable<Omit<BootstrapCredentialTable, 'secret_hash'>>,
): BootstrapCredential {
  return {
    id: row.id,
    group: row.device_group,
    quota: row.quota,
    uses: row.uses,
    state: row.state === 'active' ? 'active' : 'revoked',
    notBefore: new Date(row.not_before),
    notAfter: new Date(row.not_after),
    createdAt: new Date(row.created_at),
    createdBy: row.created_by,
    ...(row.exceeded_at === null ? {} : { exceededAt: new Date(row.exceeded_at) }),
  };
}

export function issuanceOf(row: Selectable<IssuanceTable>): IssuanceRecord {
  return {
    issuer: row.issuer,
    serialNumber: row.serial_number,
    toBeSigned: row.to_be_signed,
    publicKeyDigest: row.public_key_digest,
    profile: row.profile,
    ...(row.subscriber === null ? {} : { subscriber: row.subscriber }),
    credential: { kind: row.credential_kind as Credential['kind'], id: row.credential_id },
    notBefore: new Date(row.not_before),
    notAfter: new Date(row.not_after),
    recordedAt: new Date(row.recorded_at),
    ...(row.certificate === null ? {} : { certificate: row.certificate }),
    ...(row.issued_at === null ? {} : { issuedAt: new Date(row.issued_at) }),
    ...(row.revoked_at === null ? {} : { revokedAt: new Date(row.revoked_at) }),
    ...(row.revocation_reason === null
      ? {}
      : { revocationReason: row.revocation_reason as RevocationReason }),
    ...(row.invalidity_date === null ? {} : { invalidityDate: new Date(row.invalidity_date) }),
    ...(row.supersedes === null ? {} : { supersedes: row.supersedes }),
    ...(row.relayed_by === null ? {} : { relayedBy: row.relayed_by }),
    ...(row.found_regions === null ? {} : { foundRegions: JSON.parse(row.found_regions) }),
    ...(row.endpoints === null ? {} : { endpoints: JSON.parse(row.endpoints) }),
    ...(row.revocation_challenge === null ? {} : { revocationChallenge: row.revocation_challenge }),
  };
}
