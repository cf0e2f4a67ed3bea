import { openSqliteFile, type SqliteFile } from './node-sqlite.ts';

export interface DatabaseState {
  readonly journalMode: string;
  /** 2 is FULL. */
  readonly synchronous: number;
  readonly foreignKeys: boolean;
  /** What SQLite's quick_check and foreign_key_check complain of; empty when all is well. */
  readonly damage: readonly string[];
}

/**
 * Reads how the database is run, and walks all its pages: for a command, not for a server.
 * @throws Error when the file is not there, or is no database
 */
export function inspectDatabase(file: Omit<SqliteFile, 'readOnly'>): DatabaseState {
  const database = openSqliteFile({ ...file, readOnly: true });
  try {
    const pragma = (name: string) =>
      database
        .prepare(`PRAGMA ${name}`)
        .all()
        .map((row) => Object.values(row)[0]);
    return {
      journalMode: String(pragma('journal_mode')[0]),
      synchronous: Number(pragma('synchronous')[0]),
      foreignKeys: pragma('foreign_keys')[0] === 1,
      damage: [
        ...pragma('quick_check').filter((line) => line !== 'ok'),
        ...pragma('foreign_key_check').map(
          (table) => `a row of ${table} refers to one that is gone`,
        ),
      ].map(String),
    };
  } finally {
    database.close();
  }
}
