import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { delegations } from '../../ca/ca-state.ts';
import { fingerprintOf } from '../../ca/certificate.ts';
import { canonicalGeneralName } from '../../ca/general-names.ts';
import { type CaKeyType, caKeyTypes } from '../../ca/signer.ts';
import { checkLabel } from '../../enrollment/group.ts';
import { checkTenantId } from '../../enrollment/tenant.ts';
import { createSoftHsmToken, findSoftHsmModule } from '../../hsm/create-softhsm-token.ts';
import { type Config, configFile, loadConfig } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { openStores, type Stores } from '../../storage/stores.ts';
import { collect, type DataOption, operator, withJson } from '../data.ts';
import { CommandError, conflict, exitCodes, usage } from '../exit.ts';
import { issueServerCertificate } from '../issue-server-certificate.ts';
import { makeDelegatedKey } from '../make-delegated-key.ts';
import type { OpenCa } from '../open-ca.ts';
import { print, printJson } from '../print.ts';
import { setUpCa } from '../set-up-ca.ts';
import { checkEndpoints } from './tenant.ts';

interface InitOptions extends DataOption {
  readonly hostname?: string[];
  readonly tenant: string;
  readonly endpoint?: string[];
  readonly module?: string;
  readonly token: string;
  readonly pinFile?: string;
  readonly caKey: CaKeyType;
  readonly name?: string;
  readonly json?: true;
}

export function initCommand(): Command {
  return withJson(new Command('init'))
    .description(
      'make a data directory: token, CA keys and certificates, database, configuration, first tenant',
    )
    .option(
      '--hostname <name>',
      'DNS name or address devices reach the server by (repeat)',
      collect,
    )
    .option('--tenant <id>', 'first tenant', 'default')
    .option('--endpoint <uri>', "upstream endpoint of the tenant's devices (repeat)", collect)
    .option('--module <path>', 'PKCS#11 library; SoftHSM, with a token of its own, when left out')
    .option('--token <label>', 'label of the token', 'bestow')
    .option(
      '--pin-file <path>',
      'file with the user PIN of a token that exists; else the variable BESTOW_PIN is used',
    )
    .option('--name <name>', 'name of the CA in its certificates')
    .addOption(
      new Option('--ca-key <type>', 'kind of the issuing key').choices(caKeyTypes).default('P-256'),
    )
    .action(init);
}

async function init(options: InitOptions): Promise<void> {
  const directory = resolve(options.data);
  const order = checkOrder(options);
  requireUntouched(directory);
  const say = options.json ? () => undefined : print;
  const made = !existsSync(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    const root = await setUp(directory, options, order, say);
    const fingerprint = fingerprintOf(root);
    if (options.json) printJson({ directory, tenant: options.tenant, fingerprint });
    else {
      print(`The data directory ${directory} is ready.`);
      print(`Root certificate SHA-256 fingerprint: ${fingerprint}`);
      if (order.endpoints.length === 0)
        print(
          `Tenant ${options.tenant} has no upstream endpoint yet: bestow tenant set-endpoint ${options.tenant} URI`,
        );
    }
  } catch (error) {
    // What is half made would only stand in the way of the next try; nothing was here before.
    for (const part of made ? [directory] : ownParts(directory))
      rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

interface CheckedOrder {
  readonly hostnames: readonly string[];
  readonly endpoints: readonly string[];
}

function checkOrder({
  hostname = ['localhost'],
  endpoint = [],
  tenant,
  pinFile,
  module,
}: InitOptions): CheckedOrder {
  checkTenantId(tenant);
  checkLabel(tenant);
  for (const name of hostname) canonicalGeneralName(`${isIP(name) ? 'IP' : 'DNS'}:${name}`);
  if (pinFile !== undefined && module === undefined)
    throw usage('--pin-file goes with --module: a new SoftHSM token gets a PIN of its own.');
  return { hostnames: hostname, endpoints: checkEndpoints(endpoint) };
}

function ownParts(directory: string): string[] {
  return [
    configFile,
    'ca',
    'hsm',
    'secrets',
    'tls',
    'run',
    'bestow.db',
    'bestow.db-wal',
    'bestow.db-shm',
  ].map((name) => join(directory, name));
}

function requireUntouched(directory: string): void {
  const there = ownParts(directory).filter(existsSync);
  if (there.length > 0)
    throw conflict(
      `${directory} is initialised already (${there.map((path) => basename(path)).join(', ')}); nothing was changed.`,
    );
}

async function setUp(
  directory: string,
  options: InitOptions,
  order: CheckedOrder,
  say: (text: string) => void,
): Promise<Uint8Array> {
  const paths = dataPaths(directory);
  for (const part of ['ca', 'hsm', 'secrets', 'tls', 'run'])
    mkdirSync(join(directory, part), { mode: 0o700 });
  writeSecret(paths.pepper, randomBytes(32).toString('base64url'));
  const token = prepareToken(directory, options, say);
  writeFileSync(join(directory, configFile), configText(order, token), { mode: 0o600 });
  const config = loadConfig(directory);

  say(
    `Making the CA keys in the token "${options.token}": root P-384, issuing, CMC and OCSP ${options.caKey}.`,
  );
  const stores = await openStores(config.storage, config.est.failures);
  try {
    const ca = await setUpCa(config, stores, {
      name: options.name ?? `Bestow ${randomBytes(3).toString('hex').toUpperCase()}`,
      issuingKeyType: options.caKey,
    });
    await finishSetUp(config, ca, stores, options, order, say);
    ca.close();
    return ca.chain.root.der;
  } finally {
    await stores.close();
  }
}

async function finishSetUp(
  config: Config,
  ca: OpenCa,
  stores: Stores,
  options: InitOptions,
  order: CheckedOrder,
  say: (text: string) => void,
): Promise<void> {
  say(`Issuing the server's TLS certificate for ${order.hostnames.join(', ')}.`);
  await issueServerCertificate(config, ca, stores, order.hostnames);
  for (const which of delegations) await makeDelegatedKey(which, config, ca, stores);
  const { tenant: id } = options;
  await stores.tenants.add({ id, endpoints: order.endpoints, label: id }, operator(), new Date());
  say(`Tenant ${id}: ${order.endpoints.join(', ') || 'no endpoint yet'}.`);
}

function writeSecret(path: string, secret: string): void {
  writeFileSync(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
}

/** The `hsm` stanza of the new configuration. */
type HsmStanza = Readonly<Record<string, unknown>>;

/**
 * SoftHSM gets a token in the data directory with PINs of its own. Any other module, or a SoftHSM that SOFTHSM2_CONF
 * points elsewhere, must have the token already: an HSM is initialised by its owner's procedure, not by ours.
 */
function prepareToken(
  directory: string,
  options: InitOptions,
  say: (text: string) => void,
): HsmStanza {
  const paths = dataPaths(directory);
  const module = options.module ?? findSoftHsmModule();
  if (!module)
    throw new CommandError(
      exitCodes.unavailable,
      'SoftHSM is not installed: run scripts/system-packages.sh, or name another PKCS#11 library with --module.',
    );
  const { token } = options;
  const isSoftHsm = basename(module).startsWith('libsofthsm2');
  if (isSoftHsm && !process.env.SOFTHSM2_CONF && options.pinFile === undefined) {
    say(`Making a SoftHSM token "${token}" in ${paths.softHsm}.`);
    const pin = randomBytes(16).toString('base64url');
    const created = createSoftHsmToken({ directory: paths.softHsm, label: token, pin, module });
    writeSecret(paths.pin, pin);
    writeSecret(paths.securityOfficerPin, created.securityOfficerPin);
    return {
      module,
      token,
      pin: { file: 'secrets/pin' },
      environment: { SOFTHSM2_CONF: 'hsm/softhsm2.conf' },
    };
  }
  if (options.pinFile === undefined && !process.env.BESTOW_PIN)
    throw usage(
      'Name the user PIN of the token with --pin-file, or put it into the variable BESTOW_PIN.',
    );
  const environment = process.env.SOFTHSM2_CONF;
  return {
    module: resolve(module),
    token,
    pin: options.pinFile === undefined ? { env: 'BESTOW_PIN' } : { file: resolve(options.pinFile) },
    ...(environment ? { environment: { SOFTHSM2_CONF: resolve(environment) } } : {}),
  };
}

function configText({ hostnames }: CheckedOrder, hsm: HsmStanza): string {
  const local = hostnames.every((name) => ['localhost', '127.0.0.1', '::1'].includes(name));
  return [
    '# Configuration of this Bestow data directory; docs/configuration.md explains every key.',
    '# Paths are relative to this directory. Tenants, devices and endpoints are data: see `bestow tenant`, `bestow device`.',
    stringify({
      est: { listen: local ? '127.0.0.1:8443' : ':8443' },
      hsm,
      profiles: { device: { validity: '90d' } },
    }),
  ].join('\n');
}
