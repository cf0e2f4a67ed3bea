/**
 * Every way there is to open the stores: what implements a port is tested over each of them.
 */

import { join } from 'node:path';
import type { FailureLimits } from '../../enrollment/one-time-password-store.ts';
import { type OpenStores, openStores } from '../../storage/stores.ts';
import { openStoresInThread } from '../../storage/stores-in-thread.ts';

/** The file an engine keeps in a directory. */
export const databaseFile = 'bestow.db';
const busyTimeout = 2000;

export const engines: Readonly<
  Record<string, (directory: string, limits: FailureLimits) => Promise<OpenStores>>
> = {
  'SQLite in this thread': (directory, limits) =>
    openStores({ sqlite: join(directory, databaseFile), busyTimeout }, limits),
  'SQLite in its own thread': (directory, limits) =>
    openStoresInThread({ sqlite: join(directory, databaseFile), busyTimeout }, limits, (error) => {
      throw error;
    }),
};
