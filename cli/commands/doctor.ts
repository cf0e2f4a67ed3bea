import { statSync } from 'node:fs';
import { Command } from 'commander';
import { loadConfig } from '../../server/config.ts';
import { type OpenStores, openStores } from '../../storage/stores.ts';
import { type DataOption, withJson } from '../data.ts';
import { examine, type NamedFinding } from '../doctor/checks.ts';
import { findingExitCodes, worstOf } from '../doctor/finding.ts';
import { print, printJson } from '../print.ts';

export function doctorCommand(): Command {
  return withJson(new Command('doctor'))
    .description('examine clock, certificates, CRL, keys, database, groups and files')
    .addHelpText(
      'after',
      '\nExit code: 0 when all is well; 10, 11 or 12 when the worst finding is info, warn or critical.',
    )
    .action(doctor);
}

async function doctor(options: DataOption & { json?: true }): Promise<void> {
  const config = loadConfig(options.data);
  let opened: Promise<OpenStores> | undefined;
  const stores = () => {
    // Opening a database that is gone would make a new one.
    statSync(config.storage.sqlite);
    opened ??= openStores(config.storage, config.est.failures);
    return opened;
  };
  const findings = await examine({ config, now: new Date(), stores }).finally(async () =>
    (await opened?.catch(() => undefined))?.close(),
  );
  if (options.json) printJson(findings);
  else for (const finding of findings) print(lineOf(finding));
  process.exitCode = findingExitCodes[worstOf(findings)];
}

function lineOf({ check, severity, message, action }: NamedFinding): string {
  const line = `${severity.padEnd(8)} ${check}: ${message}`;
  // Errors and devices' names may hold what moves a terminal's cursor.
  return (action === undefined ? line : `${line} -> ${action}`).replaceAll(/\p{Cc}+/gu, ' ');
}
