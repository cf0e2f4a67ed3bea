import type { CaStateStore } from '../ca/ca-state-store.ts';
import { type CrlMaker, CrlMakerHere } from '../ca/crl-maker.ts';
import type { CrlStore } from '../ca/crl-store.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import type { AllocationDirectory } from '../enrollment/allocation/allocation-directory.ts';
import type { Approvals } from '../enrollment/approvals.ts';
import type { BootstrapCredentialStore } from '../enrollment/bootstrap-credential-store.ts';
import type { CampaignTurns } from '../enrollment/campaigns/campaign-turns.ts';
import type { Campaigns } from '../enrollment/campaigns/campaigns.ts';
import type { DeviceKeys } from '../enrollment/device-keys.ts';
import type { DeviceRegistry } from '../enrollment/device-registry.ts';
import type { DigestNonces } from '../enrollment/digest-nonces.ts';
import type { Deliveries } from '../enrollment/events/deliveries.ts';
import type { Events } from '../enrollment/events/event.ts';
import type { Webhooks } from '../enrollment/events/webhooks.ts';
import type { KeyBans } from '../enrollment/key-bans.ts';
import type { ManufacturerDirectory } from '../enrollment/manufacturer-directory.ts';
import type { FailureLimits, OneTimePasswordStore } from '../enrollment/one-time-password-store.ts';
import type { OrderLists } from '../enrollment/order-lists.ts';
import type { ProfileDirectory } from '../enrollment/profile-directory.ts';
import type { StagingArea } from '../enrollment/staging-area.ts';
import type { TenantDirectory } from '../enrollment/tenant-directory.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { refuseMovedAway } from './move-mark.ts';
import { SqlAllocation } from './sql-allocation.ts';
import { SqlApprovals } from './sql-approvals.ts';
import { SqlBootstrapCredentials } from './sql-bootstrap-credentials.ts';
import { SqlCaState } from './sql-ca-state.ts';
import { SqlCampaignTurns } from './sql-campaign-turns.ts';
import { SqlCampaigns } from './sql-campaigns.ts';
import { SqlCrlStore } from './sql-crl-store.ts';
import { SqlDeliveries } from './sql-deliveries.ts';
import { SqlDeviceKeys } from './sql-device-keys.ts';
import { SqlDeviceRegistry } from './sql-device-registry.ts';
import { SqlDigestNonces } from './sql-digest-nonces.ts';
import { SqlEvents } from './sql-events.ts';
import { SqlIssuanceLedger } from './sql-issuance-ledger.ts';
import { SqlKeyBans } from './sql-key-bans.ts';
import { SqlManufacturers } from './sql-manufacturers.ts';
import { SqlOneTimePasswords } from './sql-one-time-passwords.ts';
import { SqlOrderLists } from './sql-order-lists.ts';
import { SqlProfiles } from './sql-profiles.ts';
import { SqlStagingArea } from './sql-staging-area.ts';
import { SqlTenantDirectory } from './sql-tenant-directory.ts';
import { SqlWebhooks } from './sql-webhooks.ts';
import type { Transactions } from './transactions.ts';

/** Where everything that must not be lost is kept: one implementation of each port, over one database. */
export interface Stores {
  readonly ledger: IssuanceLedger;
  readonly devices: DeviceRegistry;
  readonly tenants: TenantDirectory;
  readonly manufacturers: ManufacturerDirectory;
  readonly oneTimePasswords: OneTimePasswordStore;
  readonly bootstrapCredentials: BootstrapCredentialStore;
  readonly orderLists: OrderLists;
  readonly crls: CrlStore;
  readonly crlMaker: CrlMaker;
  readonly caState: CaStateStore;
  readonly approvals: Approvals;
  readonly stagingArea: StagingArea;
  readonly keyBans: KeyBans;
  readonly digestNonces: DigestNonces;
  readonly deviceKeys: DeviceKeys;
  readonly profiles: ProfileDirectory;
  readonly events: Events;
  readonly webhooks: Webhooks;
  readonly deliveries: Deliveries;
  readonly allocation: AllocationDirectory;
  readonly campaigns: Campaigns;
  readonly campaignTurns: CampaignTurns;
}

export interface StorageConfig {
  /** Path of the SQLite file. */
  readonly sqlite: string;
  /** Milliseconds to wait for another process's write lock. */
  readonly busyTimeout: number;
}

export type OpenStores = Stores & { close(): Promise<void> };

export function storesOver(transactions: Transactions, limits: FailureLimits): Stores {
  const crls = new SqlCrlStore(transactions);
  return {
    ledger: new SqlIssuanceLedger(transactions),
    devices: new SqlDeviceRegistry(transactions),
    tenants: new SqlTenantDirectory(transactions),
    manufacturers: new SqlManufacturers(transactions),
    oneTimePasswords: new SqlOneTimePasswords(transactions, limits),
    bootstrapCredentials: new SqlBootstrapCredentials(transactions, limits),
    orderLists: new SqlOrderLists(transactions),
    approvals: new SqlApprovals(transactions),
    stagingArea: new SqlStagingArea(transactions),
    keyBans: new SqlKeyBans(transactions),
    digestNonces: new SqlDigestNonces(transactions),
    deviceKeys: new SqlDeviceKeys(transactions),
    profiles: new SqlProfiles(transactions),
    events: new SqlEvents(transactions),
    webhooks: new SqlWebhooks(transactions),
    deliveries: new SqlDeliveries(transactions),
    allocation: new SqlAllocation(transactions),
    campaigns: new SqlCampaigns(transactions),
    campaignTurns: new SqlCampaignTurns(transactions),
    crls,
    crlMaker: new CrlMakerHere(crls),
    caState: new SqlCaState(transactions),
  };
}

/**
 * Opens the database in this thread, and brings its schema up to date.
 * @throws StorageUnavailable, SchemaError, MovedAway
 */
export async function openStores(
  config: StorageConfig,
  limits: FailureLimits,
): Promise<OpenStores> {
  const transactions = new GroupCommit({ path: config.sqlite, busyTimeout: config.busyTimeout });
  await migrate(transactions.schema);
  await refuseMovedAway(transactions.read);
  return { ...storesOver(transactions, limits), close: () => transactions.close() };
}
