/** `bestow ca rollover`: another key for the root or for an issuing CA, while everything goes on. */

import { mkdirSync } from 'node:fs';
import { Command, Option } from 'commander';
import { defaultIssuer } from '../../ca/ca-state.ts';
import { type CertificationAuthority, issuingKeysOf } from '../../ca/certification-authority.ts';
import { type CaKeyType, caKeyTypes } from '../../ca/signer.ts';
import type { Config } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { AlreadyServing, lockServer } from '../../server/server-lock.ts';
import {
  activateRollover,
  makeMissingKeys,
  openKey,
  type RolloverSubject,
} from '../activate-rollover.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { conflict, usage } from '../exit.ts';
import { finishRollover } from '../finish-rollover.ts';
import { OpenTokens } from '../open-tokens.ts';
import { print, printJson, printTable } from '../print.ts';
import { type RolloverStatus, rolloverStatus } from '../rollover-status.ts';
import { type RolloverWork, startIssuerRollover, startRootRollover } from '../start-rollover.ts';

interface SubjectOptions extends DataOption {
  readonly issuer?: string;
  readonly root?: true;
  readonly json?: true;
}

interface StartOptions extends SubjectOptions {
  readonly keyType?: CaKeyType;
  readonly hashOfNextRoot?: true;
}

export function caRolloverCommand(): Command {
  const rollover = new Command('rollover').description(
    'another key for an issuing CA, or for the root and all issuing CAs below it',
  );
  withSubject(rollover.command('start'))
    .description('make the next key, with its certificates, and announce it in /cacerts')
    .addOption(
      new Option('--key-type <type>', 'kind of the new key; else that of the present one').choices(
        caKeyTypes,
      ),
    )
    .option(
      '--hash-of-next-root',
      'with --root: make the key of the root after it too, and name it in the new root (RFC 8649)',
    )
    .action(start);
  withSubject(rollover.command('activate'))
    .description('issue with the next key from now on, and show a TLS certificate by it')
    .action(activate);
  withSubject(rollover.command('finish'))
    .description('announce the old key no more; its CRL and OCSP stay answered')
    .option('--force', 'though certificates by it are valid still')
    .action(finish);
  withJson(rollover.command('status'))
    .description('say which keys there are, and what to do next')
    .action(status);
  return rollover;
}

function withSubject(command: Command): Command {
  return withJson(command)
    .option('--issuer <name>', `this issuer (default: ${defaultIssuer})`)
    .option('--root', 'the root, and all issuers below it');
}

async function start(options: StartOptions): Promise<void> {
  const subject = subjectOf(options);
  if (options.hashOfNextRoot && subject !== 'root')
    throw usage('--hash-of-next-root goes with --root.');
  await withWork(options, async (work) => {
    const ca =
      subject === 'root'
        ? await startRootRollover(work, options)
        : await startIssuerRollover(work, subject.issuer, options.keyType);
    for (const key of issuingKeysOf(ca).filter(({ state }) => state === 'next'))
      await makeMissingKeys(work.config, await openKey(work, ca, key), work.stores);
    return ca;
  });
}

async function activate(options: SubjectOptions): Promise<void> {
  const subject = subjectOf(options);
  await withWork(options, (work) => activateRollover(work, subject));
}

async function finish(options: SubjectOptions & { readonly force?: true }): Promise<void> {
  const subject = subjectOf(options);
  await withWork(options, (work) => finishRollover(work, subject, options.force === true));
}

async function status(options: SubjectOptions): Promise<void> {
  const all = await withStores(options, async ({ caState, ledger }) =>
    rolloverStatus((await caState.load()).state, ledger, new Date()),
  );
  tell(all, options);
}

function subjectOf({ issuer, root }: SubjectOptions): RolloverSubject {
  if (root && issuer !== undefined)
    throw usage('--root is about all issuers below the root: leave --issuer out.');
  return root ? 'root' : { issuer: issuer ?? defaultIssuer };
}

/** One at a time: keys are made before the CA's state names them. */
async function withWork(
  options: SubjectOptions,
  work: (work: RolloverWork) => Promise<CertificationAuthority>,
): Promise<void> {
  const all = await withStores(options, async (stores, config) => {
    const unlock = lock(config);
    const tokens = new OpenTokens(config);
    try {
      await work({ config, stores, tokens });
    } finally {
      tokens.close();
      unlock();
    }
    return rolloverStatus((await stores.caState.load()).state, stores.ledger, new Date());
  });
  tell(all, options);
  if (!options.json) print('A server that is running follows within seconds.');
}

function lock({ directory }: Config): () => void {
  const { run, rolloverLock } = dataPaths(directory);
  mkdirSync(run, { recursive: true, mode: 0o700 });
  try {
    return lockServer(rolloverLock);
  } catch (error) {
    if (!(error instanceof AlreadyServing)) throw error;
    throw conflict('Another command is replacing a key of this CA at this moment.');
  }
}

function tell(all: readonly RolloverStatus[], { json }: SubjectOptions): void {
  if (json) {
    printJson(all);
    return;
  }
  const rows = all.flatMap(({ of, keys }) =>
    keys.map(({ generation, state, label, subject, notAfter, live, id }) => ({
      of,
      generation,
      state,
      key: label,
      subject,
      notAfter,
      live,
      id,
    })),
  );
  printTable(rows, 'There are no keys yet.');
  for (const { of, next } of all) print(`${of}: ${next}`);
}
