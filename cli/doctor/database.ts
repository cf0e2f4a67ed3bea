import { type DatabaseState, inspectDatabase } from '../../storage/inspect-database.ts';
import { type Examined, type Finding, ok } from './finding.ts';

export function checkDatabase({ config }: Examined): Finding[] {
  const { sqlite: path, busyTimeout } = config.storage;
  return databaseFindings(inspectDatabase({ path, busyTimeout }), path);
}

const rows: readonly [
  what: string,
  holds: (state: DatabaseState) => boolean,
  wrong: Omit<Finding, 'message'>,
][] = [
  [
    'journal_mode is WAL',
    ({ journalMode }) => journalMode === 'wal',
    {
      severity: 'critical',
      action: 'keep the database on a local file system, and restart the server, which sets it',
    },
  ],
  [
    'synchronous is FULL',
    ({ synchronous }) => synchronous >= 2,
    { severity: 'critical', action: 'a power cut could revive a spent password: report this' },
  ],
  [
    'foreign_keys is on',
    ({ foreignKeys }) => foreignKeys,
    { severity: 'critical', action: 'use a SQLite that enforces foreign keys' },
  ],
];

export function databaseFindings(state: DatabaseState, path: string): Finding[] {
  const settings = rows.map(([what, holds, wrong]) =>
    holds(state) ? ok(what) : { ...wrong, message: `it does not hold that ${what}` },
  );
  const [first] = state.damage;
  const action = `stop the server and restore ${path} from a backup`;
  return [
    ...settings,
    first === undefined
      ? ok('its pages are in order')
      : { severity: 'critical', message: `it is damaged: ${first}`, action },
  ];
}
