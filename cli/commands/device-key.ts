import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import {
  checkKeyIdentifier,
  type DeviceKeyKind,
  DeviceKeySecrets,
  type NewDeviceKey,
  recipientOf,
} from '../../enrollment/device-keys.ts';
import { type Config, readSecret } from '../../server/config.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { conflict, notFound, usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';

export function deviceKeyCommand(): Command {
  const key = new Command('key').description(
    'keys that devices decrypt with: /serverkeygen sends private keys under them',
  );
  withJson(key.command('add'))
    .description('register a key of a device')
    .argument('<device>')
    .requiredOption('--id <hex>', 'what the device names the key by in its requests')
    .option(
      '--kek-file <file>',
      'a shared AES key: 16, 24 or 32 octets, as they are or in hexadecimal',
    )
    .option('--certificate <file>', 'a certificate of the key, PEM or DER')
    .option('--public-key <file>', 'a public key: RSA, P-256, P-384, P-521 or X25519, PEM or DER')
    .action(add);
  withJson(key.command('list'))
    .description('list the keys of a device, or of all')
    .argument('[device]')
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  withJson(key.command('remove'))
    .description('forget a key of a device')
    .argument('<device>')
    .requiredOption('--id <hex>', 'as `device key list` shows it')
    .action(remove);
  return key;
}

interface KeyFiles {
  readonly kekFile?: string;
  readonly certificate?: string;
  readonly publicKey?: string;
}

type AddOptions = DataOption & KeyFiles & { id: string; json?: true };

async function add(device: string, options: AddOptions): Promise<void> {
  const id = checkKeyIdentifier(options.id);
  const [kind, octets] = readKeyFile(options);
  const outcome = await withStores(options, ({ deviceKeys }, config) => {
    const key = checkedKey({ device, id, kind, material: octets }, config);
    return deviceKeys.add(key, operator(), new Date());
  });
  if (outcome === 'unknown-device') throw notFound(`There is no device ${device}.`);
  if (outcome === 'exists') throw conflict(`Device ${device} has a key ${id} already.`);
  if (options.json) printJson({ device, id, kind });
  else print(`Device ${device} decrypts with the ${kind} ${id}.`);
}

/** Seals what is secret, and sees that the key will do before a device relies on it. @throws CommandError */
function checkedKey(given: NewDeviceKey, config: Config): NewDeviceKey {
  const secrets = new DeviceKeySecrets(
    Buffer.from(readSecret(config.pepper, 'one-time password pepper')),
  );
  try {
    const material =
      given.kind === 'shared-key' ? secrets.seal(given.material, given) : given.material;
    recipientOf({ ...given, material }, secrets);
    return { ...given, material };
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

/** @throws CommandError */
function readKeyFile({ kekFile, certificate, publicKey }: KeyFiles): [DeviceKeyKind, Uint8Array] {
  const given = [kekFile, certificate, publicKey].filter((file) => file !== undefined);
  if (given.length !== 1)
    throw usage('Give the key by one of --kek-file, --certificate and --public-key.');
  if (kekFile !== undefined) return ['shared-key', readSharedKey(kekFile)];
  if (certificate !== undefined) return ['certificate', readCertificateFile(certificate)];
  return ['public-key', readPublicKeyFile(publicKey ?? '')];
}

/** Hexadecimal, or the octets themselves. */
function readSharedKey(file: string): Uint8Array {
  const octets = readFileSync(file);
  const text = octets.toString('latin1').trim();
  return /^([0-9a-f]{2}){16,32}$/i.test(text) ? Buffer.from(text, 'hex') : octets;
}

function readCertificateFile(file: string): Uint8Array {
  try {
    return new X509Certificate(readFileSync(file)).raw;
  } catch (cause) {
    if (isFileError(cause)) throw cause;
    throw usage(`${file} holds no certificate.`);
  }
}

function readPublicKeyFile(file: string): Uint8Array {
  const octets = readFileSync(file);
  const text = octets.toString('latin1');
  if (!text.includes('-----BEGIN')) return octets;
  if (!text.includes('-----BEGIN PUBLIC KEY-----')) throw usage(`${file} holds no public key.`);
  try {
    return createPublicKey(octets).export({ type: 'spki', format: 'der' });
  } catch {
    throw usage(`${file} holds no public key.`);
  }
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function list(device: string | undefined, options: ListOptions): Promise<void> {
  const keys = await withStores(options, ({ deviceKeys }) =>
    deviceKeys.list({
      ...(device === undefined ? {} : { device }),
      limit: parseLimit(options.limit),
    }),
  );
  const rows = keys.map(({ device: owner, id, kind, createdAt }) => ({
    device: owner,
    id,
    kind,
    createdAt,
  }));
  if (options.json) printJson(rows);
  else printTable(rows, 'There are no device keys.');
}

async function remove(device: string, options: DataOption & { id: string; json?: true }) {
  const id = checkKeyIdentifier(options.id);
  const removed = await withStores(options, ({ deviceKeys }) =>
    deviceKeys.remove(device, id, operator(), new Date()),
  );
  if (!removed) throw notFound(`Device ${device} has no key ${id}.`);
  if (options.json) printJson({ device, id, removed });
  else print(`The key ${id} of device ${device} is forgotten.`);
}
