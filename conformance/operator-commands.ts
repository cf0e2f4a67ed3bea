import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { skip } from './skip.ts';

const run = promisify(execFile);
const PATIENCE = 30_000;

export interface Credential {
  readonly device: string;
  readonly user: string;
  readonly password: string;
}

/** What only the operator of the server can do: hand out credentials and revoke certificates. */
export class OperatorCommands {
  readonly #credentialCommand: string;
  readonly #revokeCommand: string | undefined;
  readonly #run = randomBytes(3).toString('hex');
  #devices = 0;

  constructor(credentialCommand: string, revokeCommand?: string) {
    this.#credentialCommand = credentialCommand;
    this.#revokeCommand = revokeCommand;
  }

  /** Device names carry a mark of the run, so that a second run meets no device of the first. */
  async credential(): Promise<Credential> {
    this.#devices += 1;
    const DEVICE = `conformance-${this.#run}-${this.#devices}`;
    const printed = await shell(this.#credentialCommand, { DEVICE });
    const { device, password, user } = JSON.parse(printed) as Record<string, unknown>;
    if (typeof device !== 'string' || typeof password !== 'string') {
      throw new Error('the credential command must print JSON with "device" and "password"');
    }
    return { device, password, user: typeof user === 'string' ? user : device };
  }

  /** Skips the case if the caller gave no way to revoke. */
  async revoke(serialNumber: string): Promise<void> {
    if (this.#revokeCommand === undefined) skip('no --revoke-command was given');
    if (!/^[0-9A-Fa-f]+$/.test(serialNumber)) throw new Error('serial number is not hexadecimal');
    await shell(this.#revokeCommand.replaceAll('{serial}', serialNumber), {});
  }

  get canRevoke(): boolean {
    return this.#revokeCommand !== undefined;
  }
}

async function shell(command: string, variables: Record<string, string>): Promise<string> {
  const env = { ...process.env, ...variables };
  const { stdout } = await run('sh', ['-c', command], { env, timeout: PATIENCE });
  return stdout;
}
