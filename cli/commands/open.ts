/** `bestow open`: what `device import --create-passwords` has sealed. */

import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { readPassphrase } from '../backup/passphrase.ts';
import { sealedFiles, unseal } from '../backup/sealed-file.ts';
import { writeSecretFile } from '../pairing/write-secret-file.ts';
import { openingBackup } from './backup.ts';

export function openCommand(): Command {
  return new Command('open')
    .description('decrypt a file of one-time passwords')
    .argument('<file>', 'as `bestow device import --create-passwords` wrote it')
    .requiredOption('--passphrase-file <file>', 'the passphrase it was sealed with')
    .option('--out <file>', 'write it there, for its owner alone; standard output when left out')
    .action(open);
}

async function open(file: string, options: { passphraseFile: string; out?: string }) {
  const passphrase = readPassphrase(options.passphraseFile);
  await openingBackup(async () => {
    const content = unseal(createReadStream(file), passphrase, sealedFiles.text);
    if (options.out !== undefined) await writeSecretFile(options.out, content);
    else await pipeline(Readable.from(content), process.stdout, { end: false });
  });
}
