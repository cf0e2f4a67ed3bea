/**
 * Makes a software token to try Bestow with. No PIN passes through the command line of
 * softhsm2-util, where every user of the machine could read it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Cryptoki, loadCryptoki } from './cryptoki.ts';
import { tokenLabelProblem } from './token-config.ts';
import { TokenFault } from './token-fault.ts';

/** Where Debian, Fedora, Arch, Alpine, FreeBSD and Homebrew put SoftHSM's library. */
const softHsmPaths = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/arm-linux-gnueabihf/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/libsofthsm2.so',
  '/usr/lib/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

/** Path of SoftHSM's PKCS#11 library, or undefined if it is not installed. */
export function findSoftHsmModule(): string | undefined {
  return softHsmPaths.find((path) => existsSync(path));
}

export interface SoftHsmTokenRequest {
  /** Made if missing; will hold softhsm2.conf and the directory of the tokens. */
  readonly directory: string;
  /** At most 32 bytes. */
  readonly label: string;
  /** User PIN to set. SoftHSM takes 4 to 255 bytes. */
  readonly pin: string;
  readonly module?: string;
}

export interface SoftHsmToken {
  readonly module: string;
  /** For TokenConfig.environment. */
  readonly environment: { readonly SOFTHSM2_CONF: string };
  /** PIN of the security officer, who can set a forgotten user PIN anew. */
  readonly securityOfficerPin: string;
}

/**
 * Creates a SoftHSM configuration with one token. The process must not be using SoftHSM
 * otherwise, as a library has one configuration per process.
 * @throws TokenFault `config`; Pkcs11Fault
 */
export function createSoftHsmToken(request: SoftHsmTokenRequest): SoftHsmToken {
  const module = request.module ?? findSoftHsmModule();
  if (module === undefined) {
    throw new TokenFault('config', 'SoftHSM is not installed (Debian: apt install softhsm2)');
  }
  const problem = tokenLabelProblem(request.label);
  if (problem !== undefined) throw new TokenFault('config', problem);
  const environment = { SOFTHSM2_CONF: writeConfiguration(resolve(request.directory)) };
  const cryptoki = loadCryptoki(module, environment);
  const securityOfficerPin = randomBytes(16).toString('hex');
  cryptoki.initialize();
  try {
    addSoftHsmToken(cryptoki, request, securityOfficerPin);
  } finally {
    cryptoki.finalize();
  }
  return { module, environment, securityOfficerPin };
}

function writeConfiguration(directory: string): string {
  if (/[\r\n]/.test(directory))
    throw new TokenFault('config', 'directory must not hold a line end');
  const tokens = join(directory, 'tokens');
  const path = join(directory, configurationFile);
  if (existsSync(path)) throw new TokenFault('config', `${path} exists; it is not replaced`);
  mkdirSync(tokens, { recursive: true, mode: 0o700 });
  writeFileSync(path, configurationText(tokens), { mode: 0o600, flag: 'wx' });
  return path;
}

const configurationFile = 'softhsm2.conf';

function configurationText(tokens: string): string {
  const lines = [
    `directories.tokendir = ${tokens}`,
    'objectstore.backend = file',
    'log.level = ERROR',
    'slots.removable = false',
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Makes the configuration that createSoftHsmToken wrote name its directory as it is now: SoftHSM takes absolute paths
 * only, and a data directory may have been moved, copied or mounted elsewhere.
 * @param environment of the token; does nothing when it names a configuration somewhere else
 */
export function relocateSoftHsmToken(
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): void {
  const path = join(resolve(directory), configurationFile);
  if (environment.SOFTHSM2_CONF !== path || !existsSync(path)) return;
  const text = readFileSync(path, 'utf8');
  const here = `directories.tokendir = ${join(resolve(directory), 'tokens')}`;
  const relocated = text.replace(/^directories\.tokendir\s*=.*$/m, () => here);
  if (relocated !== text) writeFileSync(path, relocated);
}

/**
 * Makes another token of a configuration: SoftHSM always shows one slot that is not initialised.
 * @param cryptoki SoftHSM, initialised
 * @param soPin for the security officer
 */
export function addSoftHsmToken(
  cryptoki: Cryptoki,
  request: Pick<SoftHsmTokenRequest, 'label' | 'pin'>,
  soPin: string,
): void {
  const blank = cryptoki.tokens().find((token) => !token.initialized);
  if (blank === undefined) throw new TokenFault('module', 'SoftHSM shows no slot to initialise');
  cryptoki.initToken(blank.slot, soPin, request.label);
  const made = cryptoki.tokens().find((token) => token.label === request.label);
  if (made === undefined) throw new TokenFault('module', 'SoftHSM does not show the new token');
  const session = cryptoki.openSession(made.slot, 'read-write');
  cryptoki.login(session, 'security-officer', soPin);
  cryptoki.initPin(session, request.pin);
  cryptoki.closeAllSessions(made.slot);
}
