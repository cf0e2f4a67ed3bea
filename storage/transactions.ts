import type { Kysely } from 'kysely';
import type { Database } from './database.ts';

/** How the repositories reach their engine: each engine runs transactions its own way. */
export interface Transactions {
  /** For reads outside of any transaction: sees committed rows only. */
  readonly read: Kysely<Database>;
  /**
   * Runs one unit of work: all of it is stored durably when the promise resolves, nothing of it when it rejects.
   * @throws StorageUnavailable when the database is locked, full or gone
   */
  write<T>(work: (transaction: Kysely<Database>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
