import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { defaultIssuer } from '../../ca/ca-state.ts';
import { fingerprintOf } from '../../ca/certificate.ts';
import { canonicalGeneralName } from '../../ca/general-names.ts';
import { type CaKeyType, caKeyTypes } from '../../ca/signer.ts';
import { checkLabel } from '../../enrollment/group.ts';
import { checkTenantId } from '../../enrollment/tenant.ts';
import { type Config, configFile, loadConfig } from '../../server/config.ts';
import { defaultToken } from '../../server/config-schema.ts';
import { dataPaths, toPem } from '../../server/data-directory.ts';
import { openStores, type Stores } from '../../storage/stores.ts';
import { Ceremony, closeCeremony } from '../ceremony.ts';
import { collect, type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, usage } from '../exit.ts';
import { finishIssuer } from '../finish-issuer.ts';
import { OpenTokens } from '../open-tokens.ts';
import { print, printJson } from '../print.ts';
import { readSubject } from '../read-subject.ts';
import { requestIssuer } from '../request-issuer.ts';
import { setUpCa } from '../set-up-ca.ts';
import {
  checkTokenOptions,
  rootTokenName,
  setUpTokens,
  type TokenOptions,
  type TokenStanzas,
  writeSecret,
} from '../set-up-tokens.ts';
import { checkEndpoints } from './tenant.ts';

interface InitOptions extends DataOption, TokenOptions {
  readonly hostname?: string[];
  readonly tenant: string;
  readonly endpoint?: string[];
  readonly ceremony?: true;
  readonly externalRoot?: true;
  readonly hashOfNextRoot?: true;
  readonly subject?: string;
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
    .option(
      '--root-token <label>',
      "a token of its own for the root's key, which may be absent in daily work; SoftHSM makes it",
    )
    .option('--root-module <path>', 'PKCS#11 library of that token; that of --module when left out')
    .option(
      '--root-pin-file <path>',
      'file with its user PIN; else the variable BESTOW_ROOT_PIN is used',
    )
    .option(
      '--external-root',
      'no root of our own: a CA above signs the request that is made (bestow ca import)',
    )
    .option(
      '--hash-of-next-root',
      'make the key of the root after this one too, and name it in the root (RFC 8649)',
    )
    .option('--name <name>', 'name of the CA in its certificates')
    .option(
      '--ceremony',
      'before witnesses: asks, shows, has the fingerprint confirmed, and writes signed minutes',
    )
    .option(
      '--subject <name>',
      'with --external-root, the whole subject, such as "C=DE, O=Acme, CN=Acme Devices CA"',
    )
    .addOption(
      new Option('--ca-key <type>', 'kind of the issuing key').choices(caKeyTypes).default('P-256'),
    )
    .action(init);
}

async function init(options: InitOptions): Promise<void> {
  const directory = resolve(options.data);
  const order = checkOrder(options);
  requireUntouched(directory);
  const ceremony = options.ceremony && new Ceremony(process.stdin, process.stdout);
  const say = options.json
    ? () => undefined
    : (text: string) => (ceremony ? ceremony.say(text) : print(text));
  const made = !existsSync(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    const answers = await ceremony?.open(plannedBy(options, order), options.name);
    const named = answers ? { ...options, name: answers.name } : options;
    const { fingerprint, request } = await setUp(directory, named, order, say);
    if (ceremony && answers && fingerprint) {
      await ceremony.confirm(fingerprint, answers);
      await withStores(options, (stores, config) => closeCeremony(ceremony, config, stores));
    }
    if (options.json) printJson({ directory, tenant: options.tenant, fingerprint, request });
    else {
      print(`The data directory ${directory} is ready.`);
      if (fingerprint) print(`Root certificate SHA-256 fingerprint: ${fingerprint}`);
      if (request)
        print(
          `The CA above signs ${request}; then take its answer with the chain up to the root: bestow ca import FILE`,
        );
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
  } finally {
    ceremony?.close();
  }
}

/** What a ceremony shows before anything is made. */
function plannedBy(
  { token, rootToken = token, module = 'SoftHSM', caKey, tenant, hashOfNextRoot }: InitOptions,
  { hostnames, endpoints }: CheckedOrder,
): Record<string, string> {
  return {
    'PKCS#11 library': module,
    'root key': `P-384 in the token "${rootToken}"${hashOfNextRoot ? ', and one for the next root' : ''}`,
    'issuing key': `${caKey} in the token "${token}"`,
    'names of the server': hostnames.join(', '),
    'first tenant': `${tenant}, endpoints: ${endpoints.join(', ') || 'none yet'}`,
  };
}

interface CheckedOrder {
  readonly hostnames: readonly string[];
  readonly endpoints: readonly string[];
}

function checkOrder(options: InitOptions): CheckedOrder {
  const { hostname = ['localhost'], endpoint = [], tenant } = options;
  checkTenantId(tenant);
  checkLabel(tenant);
  for (const name of hostname) canonicalGeneralName(`${isIP(name) ? 'IP' : 'DNS'}:${name}`);
  checkTokenOptions(options);
  if (options.externalRoot && options.rootToken !== undefined)
    throw usage('Under an external root there is no root key here: leave --root-token out.');
  if (options.externalRoot && options.hashOfNextRoot)
    throw usage(
      'Under an external root its owner names the next one: leave --hash-of-next-root out.',
    );
  if (options.ceremony && (options.externalRoot || options.json))
    throw usage(
      '--ceremony is for people and a root of our own: leave --json and --external-root out.',
    );
  if (options.subject !== undefined && !options.externalRoot)
    throw usage('--subject goes with --external-root; --name names a CA with a root of its own.');
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

/** What the operator needs next. */
interface SetUp {
  /** Of the own root. */
  readonly fingerprint?: string;
  /** Path of the request to the CA above. */
  readonly request?: string;
}

async function setUp(
  directory: string,
  options: InitOptions,
  order: CheckedOrder,
  say: (text: string) => void,
): Promise<SetUp> {
  const paths = dataPaths(directory);
  for (const part of ['ca', 'hsm', 'secrets', 'tls', 'run'])
    mkdirSync(join(directory, part), { mode: 0o700 });
  writeSecret(paths.pepper, randomBytes(32).toString('base64url'));
  const tokens = setUpTokens(directory, options, say);
  writeFileSync(join(directory, configFile), configText(order, tokens), { mode: 0o600 });
  const config = loadConfig(directory);
  const stores = await openStores(config.storage, config.est.failures);
  try {
    const name = options.name ?? `Bestow ${randomBytes(3).toString('hex').toUpperCase()}`;
    const work = { config, stores, options, name, say };
    const done = options.externalRoot ? await requestCa(work) : await makeCa(work);
    const { tenant: id } = options;
    await stores.tenants.add({ id, endpoints: order.endpoints, label: id }, operator(), new Date());
    say(`Tenant ${id}: ${order.endpoints.join(', ') || 'no endpoint yet'}.`);
    return done;
  } finally {
    await stores.close();
  }
}

interface CaWork {
  readonly config: Config;
  readonly stores: Stores;
  readonly options: InitOptions;
  readonly name: string;
  readonly say: (text: string) => void;
}

async function makeCa({ config, stores, options, name, say }: CaWork): Promise<SetUp> {
  const { token, rootToken, caKey } = options;
  say(
    `Making the CA keys: root P-384 in the token "${rootToken ?? token}"; issuing, CMC and OCSP ${caKey} in the token "${token}".`,
  );
  const ca = await setUpCa(config, stores, {
    name,
    issuingKeyType: caKey,
    rootToken: rootToken === undefined ? defaultToken : rootTokenName,
    hashOfNextRoot: options.hashOfNextRoot === true,
  });
  try {
    say(`Issuing the server's TLS certificate for ${config.est.hostnames.join(', ')}.`);
    await finishIssuer(config, ca, stores);
    return { fingerprint: fingerprintOf(ca.chain.root.der) };
  } finally {
    ca.close();
  }
}

async function requestCa({ config, stores, options, name, say }: CaWork): Promise<SetUp> {
  const { token, caKey, subject } = options;
  say(`Making the issuing key in the token "${token}": ${caKey}.`);
  const tokens = new OpenTokens(config);
  try {
    const request = await requestIssuer(config, stores, tokens.open(defaultToken), {
      issuer: defaultIssuer,
      generation: 1,
      token: defaultToken,
      keyType: caKey,
      subject: readSubject(subject ?? `CN=${name.replaceAll(',', '\\,')} Issuing CA`),
    });
    const { issuingRequest } = dataPaths(config.directory);
    writeFileSync(issuingRequest, toPem(request, 'CERTIFICATE REQUEST'));
    return { request: issuingRequest };
  } finally {
    tokens.close();
  }
}

function configText({ hostnames }: CheckedOrder, tokens: TokenStanzas): string {
  const local = hostnames.every((name) => ['localhost', '127.0.0.1', '::1'].includes(name));
  return [
    '# Configuration of this Bestow data directory; docs/configuration.md explains every key.',
    '# Paths are relative to this directory. Tenants, devices and endpoints are data: see `bestow tenant`, `bestow device`.',
    stringify(
      {
        est: { listen: local ? '127.0.0.1:8443' : ':8443', hostnames },
        ...tokens,
        profiles: { device: { validity: '90d' } },
      },
      { aliasDuplicateObjects: false },
    ),
  ].join('\n');
}
