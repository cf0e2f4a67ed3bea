/**
 * node:sqlite in the form that Kysely's SQLite dialect expects, with prepared statements kept by their text.
 */

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Kysely, SqliteDialect } from 'kysely';
import type { Database } from './database.ts';

type SqlValue = null | number | bigint | string | Uint8Array;

export interface SqliteFile {
  readonly path: string;
  /** Milliseconds to wait for another process's write lock. */
  readonly busyTimeout: number;
  readonly readOnly?: boolean;
}

/**
 * WAL lets readers go on beside a writer; FULL means that a commit has reached the disk when it returns, so that a
 * power cut cannot revive a spent password (NORMAL would allow it).
 */
export function openSqliteFile({ path, busyTimeout, readOnly = false }: SqliteFile): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeout, readOnly });
  if (!readOnly) database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
  return database;
}

/** A prepared statement, and whether it returns rows: asking SQLite each time costs as much as a small query. */
interface Prepared {
  readonly statement: StatementSync;
  readonly reader: boolean;
}

const mostStatements = 500;

export function kyselyOver(database: DatabaseSync): Kysely<Database> {
  const statements = new Map<string, Prepared>();
  const prepare = (text: string): Prepared => {
    let prepared = statements.get(text);
    if (!prepared) {
      const statement = database.prepare(text);
      prepared = { statement, reader: statement.columns().length > 0 };
      if (statements.size >= mostStatements) statements.clear();
      statements.set(text, prepared);
    }
    return prepared;
  };
  return new Kysely<Database>({
    dialect: new SqliteDialect({
      database: {
        close: () => database.close(),
        prepare: (text) => {
          const { statement, reader } = prepare(text);
          return {
            reader,
            all: (values) => statement.all(...(values as SqlValue[])),
            run: (values) => statement.run(...(values as SqlValue[])),
            iterate: (values) =>
              statement.iterate(...(values as SqlValue[])) as IterableIterator<unknown>,
          };
        },
      },
    }),
  });
}
