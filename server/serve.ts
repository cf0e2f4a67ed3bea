/**
 * The supervisor: one signer process for the token, as many EST workers as wanted, one place that starts and stops.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { CaChain } from '../ca/ca-chain.ts';
import { relocateSoftHsmToken } from '../hsm/create-softhsm-token.ts';
import { superviseSigner } from '../hsm/signer-supervisor.ts';
import type { TokenKey } from '../hsm/token-key.ts';
import { openStores } from '../storage/stores.ts';
import { caKeyOf } from './ca-key.ts';
import type { Config } from './config.ts';
import { dataPaths, loadCaChain, loadCmcCertificate } from './data-directory.ts';
import { lockServer } from './server-lock.ts';
import { startEstWorker } from './start.ts';
import { startWorkers } from './workers.ts';

export interface RunningServer {
  /** Origin of EST, such as `https://localhost:8443`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts everything, in an order in which nothing serves before what it needs has proven to work.
 * @param fatal called when the server can no longer serve
 * @throws Error with a sentence that says why the server does not start
 */
export async function startServer(
  config: Config,
  logger: Logger,
  fatal: (error: Error) => void,
): Promise<RunningServer> {
  const paths = dataPaths(config.directory);
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  const unlock = lockServer(paths.serverLock);
  const opened: (() => Promise<void> | void)[] = [unlock];
  const stop = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const chain = loadCaChain(config.directory);
    // Workers find the schema up to date, so that they never migrate side by side.
    await (await openStores(config.storage, config.est.failures)).close();
    relocateSoftHsmToken(paths.softHsm, config.hsm.environment);
    const signer = await superviseSigner(config.hsm, {
      keys: keysOf(config, chain, logger),
      pinRefused: paths.pinRefused,
      log: (level, message, { pid: signerPid, ...fields }) =>
        logger[level]({ ...fields, signerPid }, message),
    });
    opened.push(() => signer.stop());
    const workers = await startListening(config, signer.socketPath, logger, fatal);
    opened.push(() => workers.stop());
    const url = urlOf(config, workers.address);
    writeFileSync(paths.estUrl, `${url}\n`);
    opened.push(() => rmSync(paths.estUrl, { force: true }));
    logger.info({ url, address: workers.address }, 'EST is served');
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The keys that are lent to the workers. */
function keysOf({ directory, hsm }: Config, chain: CaChain, logger: Logger): TokenKey[] {
  const paths = dataPaths(directory);
  const issuing = { label: hsm.key, certificate: paths.issuing, ...caKeyOf(chain.issuing) };
  const cmc = loadCmcCertificate(directory, chain);
  if (cmc) return [issuing, { label: hsm.cmcKey, certificate: paths.cmc, ...caKeyOf(cmc) }];
  logger.warn(
    { missing: paths.cmc },
    'there is no key for CMC: /fullcmc and encrypted /serverkeygen are off until `bestow ca cmc-key` has made it',
  );
  return [issuing];
}

/** One worker needs no process of its own. */
function startListening(
  config: Config,
  signerSocket: string,
  logger: Logger,
  fatal: (error: Error) => void,
): Promise<{ readonly address: AddressInfo; stop(): Promise<void> }> {
  const count = config.est.workers === 'auto' ? availableParallelism() : config.est.workers;
  return count === 1
    ? startEstWorker(config, signerSocket, logger, fatal)
    : startWorkers(count, { config, signerSocket, logger, fatal });
}

/** A listener on a loopback or on all addresses is reached as localhost. */
function urlOf({ est }: Config, { address, family, port }: AddressInfo): string {
  const anywhere = ['', '0.0.0.0', '::', '127.0.0.1', '::1', 'localhost'].includes(est.listen.host);
  const host = anywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `https://${host}:${port}`;
}
