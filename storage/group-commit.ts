/**
 * Transactions over SQLite. Units of work that arrive while a commit is under way share the next one: a commit costs a
 * disk flush, and a flush is as dear for one certificate as for fifty. Each unit still stands or falls alone, by its
 * own savepoint.
 */

import type { DatabaseSync } from 'node:sqlite';
import type { Kysely } from 'kysely';
import type { Database } from './database.ts';
import { kyselyOver, openSqliteFile, type SqliteFile } from './node-sqlite.ts';
import { StorageUnavailable } from './storage-unavailable.ts';
import type { Transactions } from './transactions.ts';

interface Unit {
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

const maxUnitsPerCommit = 128;

export class GroupCommit implements Transactions {
  readonly read: Kysely<Database>;
  readonly #writer: DatabaseSync;
  readonly #kysely: Kysely<Database>;
  readonly #queue: Unit[] = [];
  #running: Promise<void> | undefined;
  #closing = false;

  /** Two connections to one file, so that a read never sees what a commit has not yet made true. */
  constructor(file: SqliteFile) {
    this.#writer = openSqliteFile(file);
    this.#kysely = kyselyOver(this.#writer);
    this.read = kyselyOver(openSqliteFile({ ...file, readOnly: true }));
  }

  /** The connection that may change the schema. */
  get schema(): Kysely<Database> {
    return this.#kysely;
  }

  write<T>(work: (transaction: Kysely<Database>) => Promise<T>): Promise<T> {
    if (this.#closing)
      return Promise.reject(new StorageUnavailable('The database is being closed.', 5));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        run: async () => {
          const result = await work(this.#kysely);
          return () => resolve(result);
        },
        fail: reject,
      });
      this.#running ??= this.#drain();
    });
  }

  /** What was asked for before is still done; nothing is begun any more. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#running;
    await this.read.destroy();
    await this.#kysely.destroy();
  }

  async #drain(): Promise<void> {
    // The first unit waits one turn, so that what arrived together is committed together.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) await this.#commit(this.#queue.splice(0, maxUnitsPerCommit));
    this.#running = undefined;
  }

  async #commit(units: readonly Unit[]): Promise<void> {
    const settle: (() => void)[] = [];
    try {
      this.#writer.exec('BEGIN IMMEDIATE');
      for (const unit of units) settle.push(await this.#runUnit(unit));
      this.#writer.exec('COMMIT');
    } catch (cause) {
      this.#rollBack();
      const error = faultOf(cause);
      for (const unit of units) unit.fail(error);
      return;
    }
    for (const done of settle) done();
  }

  async #runUnit(unit: Unit): Promise<() => void> {
    this.#writer.exec('SAVEPOINT unit');
    try {
      const done = await unit.run();
      this.#writer.exec('RELEASE unit');
      return done;
    } catch (cause) {
      // On a full disk SQLite ends the whole transaction by itself; then every unit of it has failed.
      if (!this.#writer.isTransaction) throw cause;
      this.#writer.exec('ROLLBACK TO unit; RELEASE unit');
      const error = faultOf(cause);
      return () => unit.fail(error);
    }
  }

  #rollBack(): void {
    if (this.#writer.isTransaction) this.#writer.exec('ROLLBACK');
  }
}

/** SQLite result codes (sqlite.org/rescode.html) that mean "not now" rather than "wrong". */
const passing = new Map([
  [5, 'locked'],
  [6, 'locked'],
  [8, 'read-only'],
  [10, 'failing to read or write'],
  [13, 'full'],
  [14, 'not to be opened'],
]);

function faultOf(error: unknown): unknown {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  const state = passing.get(code);
  return state ? new StorageUnavailable(`The database is ${state}.`, 5, { cause: error }) : error;
}
