import { existsSync, readFileSync } from 'node:fs';
import { checkServerAddress } from '../../enrollment/pairing-uri.ts';
import type { Config } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { usage } from '../exit.ts';

/**
 * Where devices reach the server: what was named, else the first host name of the configuration with the port it listens at.
 * @returns HOST or HOST:PORT
 * @throws CommandError, TypeError
 */
export function serverAddress({ est, directory }: Config, named: string | undefined): string {
  if (named !== undefined) return checkServerAddress(named);
  const [host] = est.hostnames;
  const port = est.listen.port || portInUse(dataPaths(directory).estUrl);
  if (host === undefined || port === undefined)
    throw usage('Say with --server where devices reach the server, such as est.example:8443.');
  const address = host.includes(':') ? `[${host}]` : host;
  return checkServerAddress(port === 443 ? address : `${address}:${port}`);
}

/** Of a running server that took any port. */
function portInUse(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  return Number(new URL(readFileSync(file, 'utf8').trim()).port) || 443;
}
