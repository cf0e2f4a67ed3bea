import { resolve } from 'node:path';
import { Command } from 'commander';
import { CrlUnreadable } from '../../ca/read-crl.ts';
import { readPassphrase } from '../backup/passphrase.ts';
import { type RestoredBackup, restoreBackup } from '../backup/restore-backup.ts';
import { collect, type DataOption, operator, withJson } from '../data.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../print.ts';
import { readObject } from '../read-object.ts';
import { openingBackup, withPassphrase } from './backup.ts';

interface RestoreOptions extends DataOption {
  readonly passphraseFile: string;
  readonly crl?: string[];
  readonly keepOneTimePasswords?: true;
  readonly json?: true;
}

export function restoreCommand(): Command {
  return withJson(withPassphrase(new Command('restore')))
    .description('put a backup into an empty data directory, made safe to go on from')
    .argument('<file>', 'a backup')
    .option(
      '--crl <file>',
      'newest CRL that was published since, PEM or DER: what it lists is revoked (repeat)',
      collect,
    )
    .option(
      '--keep-one-time-passwords',
      'of a backup made with --final, restored for the first time: nothing happened since, so keep passwords and requests that wait',
    )
    .action(restore);
}

async function restore(file: string, options: RestoreOptions): Promise<void> {
  const { crl: crls = [], keepOneTimePasswords = false } = options;
  const done = await openingBackup(() =>
    explainingCrl(() =>
      restoreBackup({
        backup: resolve(file),
        directory: resolve(options.data),
        passphrase: readPassphrase(options.passphraseFile),
        crls: crls.map((path) => readObject(path, 'X509 CRL')),
        keepOneTimePasswords,
        by: operator(),
      }),
    ),
  );
  const { manifest, restored, crls: taken } = done;
  if (options.json)
    printJson({ takenAt: manifest.takenAt, ...restored, crls: taken, missing: manifest.missing });
  else for (const sentence of sentencesOf(done, options)) print(sentence);
}

async function explainingCrl<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof CrlUnreadable)) throw cause;
    throw new CommandError(exitCodes.failure, cause.message, { cause });
  }
}

function sentencesOf(
  { manifest, restored, crls }: RestoredBackup,
  options: RestoreOptions,
): string[] {
  const { takenAt, missing } = manifest;
  const told = [
    `The data directory ${resolve(options.data)} is as it was at ${takenAt}.`,
    `CRL numbers go on from ${restored.crlNumber}.`,
  ];
  if (!options.keepOneTimePasswords) {
    const { passwordsRevoked, bootstrapCredentialsRevoked } = restored;
    const { requestsForgotten, intentsHeld } = restored;
    told.push(
      `${passwordsRevoked} unused one-time password(s) are revoked, since they may be spent: make new ones.`,
      `${bootstrapCredentialsRevoked} bootstrap credential(s) are revoked, since more devices may have used them than are known here: make new ones.`,
      `${requestsForgotten} request(s) that waited or were approved are forgotten: devices ask again.`,
      ...intentsHeld.map(
        (serial) =>
          `The intent ${serial} is on hold: \`bestow cert adopt\` takes the certificate if a device has it, \`bestow cert revoke\` ends it.`,
      ),
      `LOOK AGAIN at what was done after ${takenAt}: devices blocked or removed, tenants suspended, groups and names changed. It is not known here.`,
    );
    if (crls.length === 0)
      told.push(
        `WARNING: certificates revoked after ${takenAt} are good again. Give the newest published CRL: bestow cert adopt --crl FILE.`,
      );
  }
  for (const { number, thisUpdate, entries, revoked, unseen } of crls) {
    told.push(
      `CRL ${number} lists ${entries}: ${revoked} of them were not known as revoked here, ${unseen} not at all.`,
    );
    if (thisUpdate < new Date(takenAt))
      told.push(
        `WARNING: CRL ${number} is older than the copy; what was revoked since is good again.`,
      );
  }
  return [
    ...told,
    `Certificates issued after ${takenAt} are refused until \`bestow cert adopt\` has put them on record.`,
    ...missing.map((sentence) => `Not in the backup: ${sentence}`),
    'Then: bestow doctor, bestow serve.',
  ];
}
