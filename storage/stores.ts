import type { CrlStore } from '../ca/crl-store.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import type { Approvals } from '../enrollment/approvals.ts';
import type { DeviceKeys } from '../enrollment/device-keys.ts';
import type { DeviceRegistry } from '../enrollment/device-registry.ts';
import type { DigestNonces } from '../enrollment/digest-nonces.ts';
import type { FailureLimits, OneTimePasswordStore } from '../enrollment/one-time-password-store.ts';
import type { TenantDirectory } from '../enrollment/tenant-directory.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { SqlApprovals } from './sql-approvals.ts';
import { SqlCrlStore } from './sql-crl-store.ts';
import { SqlDeviceKeys } from './sql-device-keys.ts';
import { SqlDeviceRegistry } from './sql-device-registry.ts';
import { SqlDigestNonces } from './sql-digest-nonces.ts';
import { SqlIssuanceLedger } from './sql-issuance-ledger.ts';
import { SqlOneTimePasswords } from './sql-one-time-passwords.ts';
import { SqlTenantDirectory } from './sql-tenant-directory.ts';
import type { Transactions } from './transactions.ts';

/** Where everything that must not be lost is kept: one implementation of each port, over one database. */
export interface Stores {
  readonly ledger: IssuanceLedger;
  readonly devices: DeviceRegistry;
  readonly tenants: TenantDirectory;
  readonly oneTimePasswords: OneTimePasswordStore;
  readonly crls: CrlStore;
  readonly approvals: Approvals;
  readonly digestNonces: DigestNonces;
  readonly deviceKeys: DeviceKeys;
}

export interface StorageConfig {
  /** Path of the SQLite file. */
  readonly sqlite: string;
  /** Milliseconds to wait for another process's write lock. */
  readonly busyTimeout: number;
}

export type OpenStores = Stores & { close(): Promise<void> };

export function storesOver(transactions: Transactions, limits: FailureLimits): Stores {
  return {
    ledger: new SqlIssuanceLedger(transactions),
    devices: new SqlDeviceRegistry(transactions),
    tenants: new SqlTenantDirectory(transactions),
    oneTimePasswords: new SqlOneTimePasswords(transactions, limits),
    approvals: new SqlApprovals(transactions),
    digestNonces: new SqlDigestNonces(transactions),
    deviceKeys: new SqlDeviceKeys(transactions),
    crls: new SqlCrlStore(transactions),
  };
}

/**
 * Opens the database in this thread, and brings its schema up to date.
 * @throws StorageUnavailable, SchemaError
 */
export async function openStores(
  config: StorageConfig,
  limits: FailureLimits,
): Promise<OpenStores> {
  const transactions = new GroupCommit({ path: config.sqlite, busyTimeout: config.busyTimeout });
  await migrate(transactions.schema);
  return { ...storesOver(transactions, limits), close: () => transactions.close() };
}
