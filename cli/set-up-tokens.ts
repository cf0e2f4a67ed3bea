/**
 * The tokens of a new data directory, as its configuration names them.
 */

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import {
  addSoftHsmToken,
  createSoftHsmToken,
  findSoftHsmModule,
} from '../hsm/create-softhsm-token.ts';
import { loadCryptoki } from '../hsm/cryptoki.ts';
import { dataPaths } from '../server/data-directory.ts';
import { CommandError, exitCodes, usage } from './exit.ts';

export interface TokenOptions {
  readonly module?: string;
  readonly token: string;
  readonly pinFile?: string;
  readonly rootToken?: string;
  readonly rootModule?: string;
  readonly rootPinFile?: string;
}

/** A token in the configuration file. */
type TokenStanza = Readonly<Record<string, unknown>>;

export interface TokenStanzas {
  readonly hsm: TokenStanza;
  /** Present where the root's key is in a token of its own. */
  readonly tokens?: { readonly [rootTokenName]: TokenStanza };
}

/** The name of the root's own token in the configuration. */
export const rootTokenName = 'root';

/** @throws CommandError where options contradict each other */
export function checkTokenOptions(options: TokenOptions): void {
  const { token, module, pinFile, rootToken, rootModule, rootPinFile } = options;
  if (pinFile !== undefined && module === undefined)
    throw usage('--pin-file goes with --module: a new SoftHSM token gets a PIN of its own.');
  if (rootToken === undefined && (rootModule !== undefined || rootPinFile !== undefined))
    throw usage('--root-module and --root-pin-file go with --root-token.');
  if (rootToken === token && (rootModule === undefined || rootModule === module))
    throw usage('--root-token names another token than --token.');
}

/**
 * SoftHSM gets tokens in the data directory with PINs of their own. Any other module, or a SoftHSM that SOFTHSM2_CONF
 * points elsewhere, must have the tokens already: an HSM is initialised by its owner's procedure, not by ours.
 * @throws CommandError, TokenFault
 */
export function setUpTokens(
  directory: string,
  options: TokenOptions,
  say: (text: string) => void,
): TokenStanzas {
  const module = options.module ?? findSoftHsmModule();
  if (!module)
    throw new CommandError(
      exitCodes.unavailable,
      'SoftHSM is not installed: run scripts/system-packages.sh, or name another PKCS#11 library with --module.',
    );
  const { token, pinFile, rootToken, rootModule, rootPinFile } = options;
  const isSoftHsm = basename(module).startsWith('libsofthsm2');
  const isOurs = isSoftHsm && !process.env.SOFTHSM2_CONF && pinFile === undefined;
  const hsm = isOurs
    ? makeSoftHsmToken(directory, { module, token }, say)
    : stanzaOf(module, token, { pinFile, variable: 'BESTOW_PIN', option: '--pin-file' });
  if (rootToken === undefined) return { hsm };
  const root =
    isOurs && rootModule === undefined
      ? addRootToken(directory, { module, token: rootToken }, say)
      : stanzaOf(rootModule ?? module, rootToken, {
          pinFile: rootPinFile,
          variable: 'BESTOW_ROOT_PIN',
          option: '--root-pin-file',
        });
  return { hsm, tokens: { [rootTokenName]: root } };
}

interface NewToken {
  readonly module: string;
  /** Label. */
  readonly token: string;
}

function makeSoftHsmToken(
  directory: string,
  { module, token }: NewToken,
  say: (text: string) => void,
): TokenStanza {
  const paths = dataPaths(directory);
  say(`Making a SoftHSM token "${token}" in ${paths.softHsm}.`);
  const pin = newPin();
  const created = createSoftHsmToken({ directory: paths.softHsm, label: token, pin, module });
  writeSecret(paths.pin, pin);
  writeSecret(paths.securityOfficerPin, created.securityOfficerPin);
  return { module, token, pin: { file: 'secrets/pin' }, environment: ownSoftHsm };
}

function addRootToken(
  directory: string,
  { module, token }: NewToken,
  say: (text: string) => void,
): TokenStanza {
  const paths = dataPaths(directory);
  say(`Making a SoftHSM token "${token}" for the root there.`);
  const [pin, securityOfficerPin] = [newPin(), newPin()];
  const cryptoki = loadCryptoki(module, { SOFTHSM2_CONF: resolve(directory, 'hsm/softhsm2.conf') });
  cryptoki.initialize();
  try {
    addSoftHsmToken(cryptoki, { label: token, pin }, securityOfficerPin);
  } finally {
    cryptoki.finalize();
  }
  writeSecret(paths.rootPin, pin);
  writeSecret(paths.rootSecurityOfficerPin, securityOfficerPin);
  return { module, token, pin: { file: 'secrets/root-pin' }, environment: ownSoftHsm };
}

/** Relative to the data directory. */
const ownSoftHsm = { SOFTHSM2_CONF: 'hsm/softhsm2.conf' } as const;

function newPin(): string {
  return randomBytes(16).toString('base64url');
}

interface PinPlace {
  readonly pinFile: string | undefined;
  readonly variable: string;
  readonly option: string;
}

/** A token that exists. */
function stanzaOf(
  module: string,
  token: string,
  { pinFile, variable, option }: PinPlace,
): TokenStanza {
  if (pinFile === undefined && !process.env[variable])
    throw usage(
      `Name the user PIN of the token "${token}" with ${option}, or put it into the variable ${variable}.`,
    );
  const environment = process.env.SOFTHSM2_CONF;
  return {
    module: resolve(module),
    token,
    pin: pinFile === undefined ? { env: variable } : { file: resolve(pinFile) },
    ...(environment ? { environment: { SOFTHSM2_CONF: resolve(environment) } } : {}),
  };
}

/** Readable by its owner alone. */
export function writeSecret(path: string, secret: string): void {
  writeFileSync(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
}
