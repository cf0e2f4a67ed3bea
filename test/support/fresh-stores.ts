import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FailureLimits } from '../../enrollment/one-time-password-store.ts';
import { type OpenStores, openStores } from '../../storage/stores.ts';

/** Limits that no test reaches by accident. */
const generous: FailureLimits = {
  perCredentialAndSource: 1000,
  perCredential: 1000,
  perSource: 1000,
  windowSeconds: 60,
};

/** The real stores over a new SQLite file, with the tenants `acme` and `globex`; closing removes the file. */
export async function openFreshStores(limits: Partial<FailureLimits> = {}): Promise<OpenStores> {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-stores-'));
  const config = { sqlite: join(directory, 'fresh.db'), busyTimeout: 2000 };
  const stores = await openStores(config, { ...generous, ...limits });
  for (const id of ['acme', 'globex'])
    await stores.tenants.add(
      { id, endpoints: [`mqtts://${id}.example`], label: id },
      'test',
      new Date(),
    );
  return {
    ...stores,
    close: async () => {
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
