import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClientCertificate } from './self-made-certificates.ts';
import { skip } from './skip.ts';

const run = promisify(execFile);
const PATIENCE = 30_000;

export interface Credential {
  readonly device: string;
  readonly user: string;
  readonly password: string;
}

/** Shell commands; all but the first can be missing, and what needs one that is missing is skipped. */
export interface CommandLines {
  readonly credential: string;
  readonly authority?: string | undefined;
  readonly revoke?: string | undefined;
  readonly approve?: string | undefined;
  readonly reject?: string | undefined;
  readonly decryptionKey?: string | undefined;
  readonly factory?: string | undefined;
}

/** What a device decrypts with: an AES key it shares with the server, or the key of a certificate (PEM). */
export type DecryptionKey =
  | { readonly id: Buffer; readonly sharedKey: Buffer }
  | { readonly id: Buffer; readonly certificate: string };

/** A device that the server lists, with the certificate of its manufacturer (IEEE 802.1AR IDevID). */
export interface FactoryDevice {
  readonly device: string;
  readonly client: ClientCertificate;
}

/** What only the operator of the server can do: hand out credentials, revoke certificates, decide about requests. */
export class OperatorCommands {
  readonly #lines: CommandLines;
  readonly #run = randomBytes(3).toString('hex');
  #devices = 0;

  constructor(lines: CommandLines) {
    this.#lines = lines;
  }

  /**
   * A credential nobody has used yet. Device names carry a mark of the run, so that a second run meets no device of the
   * first; a name that is given is that of a device which has enrolled already.
   */
  async credential(label = '', device = this.#nextDevice()): Promise<Credential> {
    return credentialIn(await shell(this.#lines.credential, { DEVICE: device, LABEL: label }));
  }

  /** A credential for a registration authority (RFC 7030 section 3.7), whose certificate will say that it is one. */
  async authority(label = ''): Promise<Credential> {
    const line = this.#line('authority');
    return credentialIn(await shell(line, { DEVICE: this.#nextDevice(), LABEL: label }));
  }

  /** A new device with a factory certificate, which may enroll under the label if such certificates are accepted there. */
  async factoryDevice(label = ''): Promise<FactoryDevice> {
    const line = this.#line('factory');
    const printed = await shell(line, { DEVICE: this.#nextDevice(), LABEL: label });
    const { device, certificate, key } = JSON.parse(printed) as Record<string, unknown>;
    if (typeof device !== 'string' || typeof certificate !== 'string' || typeof key !== 'string')
      throw new Error(
        'the factory command must print JSON with "device", and "certificate" and "key" in PEM',
      );
    return { device, client: { cert: certificate, key } };
  }

  async revoke(serialNumber: string): Promise<void> {
    const line = this.#line('revoke');
    if (!/^[0-9A-Fa-f]+$/.test(serialNumber)) throw new Error('serial number is not hexadecimal');
    await shell(line.replaceAll('{serial}', serialNumber), {});
  }

  get canRevoke(): boolean {
    return this.#lines.revoke !== undefined;
  }

  /** Approves or rejects what waits for a device; returns what the command prints. */
  decide(decision: 'approve' | 'reject', device: string): Promise<string> {
    return shell(this.#line(decision), { DEVICE: device });
  }

  /** Makes a key known that the device decrypts with. */
  async registerDecryptionKey(device: string, key: DecryptionKey): Promise<void> {
    const line = this.#line('decryptionKey');
    const folder = await mkdtemp(join(tmpdir(), 'est-conformance-'));
    try {
      const file = join(folder, 'key');
      const shared = 'sharedKey' in key;
      await writeFile(file, shared ? key.sharedKey : key.certificate, { mode: 0o600 });
      await shell(line, {
        DEVICE: device,
        KEY_ID: key.id.toString('hex'),
        [shared ? 'KEK_FILE' : 'CERTIFICATE']: file,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Skips the case if the caller gave no such command. */
  #line(name: keyof CommandLines): string {
    const option = name === 'decryptionKey' ? 'decryption-key' : name;
    return this.#lines[name] ?? skip(`no --${option}-command was given`);
  }

  #nextDevice(): string {
    this.#devices += 1;
    return `conformance-${this.#run}-${this.#devices}`;
  }
}

function credentialIn(printed: string): Credential {
  const { device, password, user } = JSON.parse(printed) as Record<string, unknown>;
  if (typeof device !== 'string' || typeof password !== 'string') {
    throw new Error('the credential command must print JSON with "device" and "password"');
  }
  return { device, password, user: typeof user === 'string' ? user : device };
}

async function shell(command: string, variables: Record<string, string>): Promise<string> {
  const env = { ...process.env, ...variables };
  const { stdout } = await run('sh', ['-c', command], { env, timeout: PATIENCE });
  return stdout;
}
