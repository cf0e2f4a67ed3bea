/**
 * The supervisor: one signer process for the token, as many EST workers as wanted, one place that starts and stops.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { CaChain } from '../ca/ca-chain.ts';
import type { OcspCertificate } from '../ca/ocsp-certificate.ts';
import { relocateSoftHsmToken } from '../hsm/create-softhsm-token.ts';
import { superviseSigner } from '../hsm/signer-supervisor.ts';
import type { TokenKey } from '../hsm/token-key.ts';
import { openStores } from '../storage/stores.ts';
import { caKeyOf } from './ca-key.ts';
import type { Config, ListenAddress } from './config.ts';
import {
  dataPaths,
  loadCaChain,
  loadCmcCertificate,
  loadOcspCertificate,
} from './data-directory.ts';
import { lockServer } from './server-lock.ts';
import { startEstWorker } from './start.ts';
import { type Addresses, startWorkers } from './workers.ts';

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
    const leave = (path: string, url: string) => {
      writeFileSync(path, `${url}\n`);
      opened.push(() => rmSync(path, { force: true }));
    };
    if (config.status && workers.statusAddress) {
      const url = `http://${hostOf(config.status.listen, workers.statusAddress)}`;
      leave(paths.statusUrl, url);
      logger.info({ url, address: workers.statusAddress }, 'status is served');
    }
    const url = `https://${hostOf(config.est.listen, workers.address)}`;
    leave(paths.estUrl, url);
    logger.info({ url, address: workers.address }, 'EST is served');
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The keys that are lent to the workers. */
function keysOf({ directory, hsm, status }: Config, chain: CaChain, logger: Logger): TokenKey[] {
  const paths = dataPaths(directory);
  const keys = [{ label: hsm.key, certificate: paths.issuing, ...caKeyOf(chain.issuing) }];
  const cmc = loadCmcCertificate(directory, chain);
  if (cmc) keys.push({ label: hsm.cmcKey, certificate: paths.cmc, ...caKeyOf(cmc) });
  else
    logger.warn(
      { missing: paths.cmc },
      'there is no key for CMC: /fullcmc and encrypted /serverkeygen are off until `bestow ca cmc-key` has made it',
    );
  const ocsp = status && loadOcspCertificate(directory, chain);
  if (ocsp) keys.push({ label: hsm.ocspKey, certificate: paths.ocsp, ...caKeyOf(ocsp) });
  if (status) warnOfOcsp(ocsp, paths.ocsp, logger);
  return keys;
}

const warningMs = 30 * 86_400_000;

/** Its certificate is short-lived, since nobody can ask whether it was revoked. */
function warnOfOcsp(certificate: OcspCertificate | undefined, path: string, logger: Logger): void {
  if (!certificate)
    logger.warn(
      { missing: path },
      'there is no key for OCSP: it is off until `bestow ca ocsp-key` has made it',
    );
  else if (certificate.notAfter.getTime() - Date.now() < warningMs)
    logger.warn(
      { certificate: path, notAfter: certificate.notAfter },
      'the OCSP certificate ends soon; `bestow ca ocsp-key --replace` makes another one',
    );
}

/** One worker needs no process of its own. */
function startListening(
  config: Config,
  signerSocket: string,
  logger: Logger,
  fatal: (error: Error) => void,
): Promise<Addresses & { stop(): Promise<void> }> {
  const count = config.est.workers === 'auto' ? availableParallelism() : config.est.workers;
  return count === 1
    ? startEstWorker(config, signerSocket, logger, fatal)
    : startWorkers(count, { config, signerSocket, logger, fatal });
}

/** Host and port. A listener on a loopback or on all addresses is reached as localhost. */
function hostOf(listen: ListenAddress, { address, family, port }: AddressInfo): string {
  const anywhere = ['', '0.0.0.0', '::', '127.0.0.1', '::1', 'localhost'].includes(listen.host);
  const host = anywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `${host}:${port}`;
}
