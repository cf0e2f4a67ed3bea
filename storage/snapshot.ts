/**
 * Copies of the database, taken while others write to it.
 */

import { chmodSync } from 'node:fs';
import { openSqliteFile, type SqliteFile } from './node-sqlite.ts';

/** The copy, or what was copied, is damaged. */
export class DamagedDatabase extends Error {
  override readonly name = 'DamagedDatabase';
}

export interface Snapshot {
  /** Name of the last migration. */
  readonly schema: string;
}

/**
 * Writes the database as it is at one moment, between two commits, into a new file. Writers go on meanwhile, since WAL
 * keeps what they change apart; unlike SQLite's online backup it does not begin anew each time they write.
 * @param target must not exist
 * @throws DamagedDatabase
 */
export function takeSnapshot(file: Omit<SqliteFile, 'readOnly'>, target: string): Snapshot {
  const database = openSqliteFile({ ...file, readOnly: true });
  try {
    database.prepare('VACUUM INTO ?').run(target);
  } finally {
    database.close();
  }
  chmodSync(target, 0o600);
  return inspectSnapshot(target);
}

/** Walks the whole copy: every page, every index, every reference. @throws DamagedDatabase */
export function inspectSnapshot(path: string): Snapshot {
  const database = openSqliteFile({ path, busyTimeout: 0, readOnly: true });
  try {
    const rows = (sql: string) => database.prepare(sql).all();
    const [complaint] = rows('PRAGMA integrity_check(1)').map((row) => row.integrity_check);
    if (complaint !== 'ok') throw new DamagedDatabase(`The database is damaged: ${complaint}.`);
    const [broken] = rows('PRAGMA foreign_key_check');
    if (broken)
      throw new DamagedDatabase(
        `A row of ${broken.table} in the database refers to one that is gone.`,
      );
    const [last] = rows('SELECT max(name) AS name FROM kysely_migration');
    return { schema: String(last?.name) };
  } finally {
    database.close();
  }
}
