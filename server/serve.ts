/**
 * The supervisor: a signer process for each token, as many EST workers as wanted, one place that starts and stops.
 */

import { hash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import {
  type CertificationAuthority,
  readCertificationAuthority,
  requireActive,
} from '../ca/certification-authority.ts';
import { FollowedRules } from '../enrollment/allocation/followed-rules.ts';
import { relocateSoftHsmToken } from '../hsm/create-softhsm-token.ts';
import type { Stores } from '../storage/stores.ts';
import { openStoresInThread } from '../storage/stores-in-thread.ts';
import { runCampaigns } from './campaigns.ts';
import { type Config, type ListenAddress, readSecret } from './config.ts';
import { dataPaths } from './data-directory.ts';
import { Announcer } from './discovery/announcer.ts';
import { Deliverer } from './events/deliverer.ts';
import { webhookParts } from './events/webhook-parts.ts';
import { followCa } from './follow-ca.ts';
import { KeyConnections, type SignerSockets } from './key-connections.ts';
import { renewOwnCertificates } from './renew-own-certificates.ts';
import { lockServer } from './server-lock.ts';
import { SignerProcesses } from './signer-processes.ts';
import { type EstWorker, startEstWorker } from './start.ts';
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
    const failures: unknown[] = [];
    // One that fails keeps no other from ending.
    for (const close of opened.splice(0).reverse())
      await Promise.resolve()
        .then(close)
        .catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const stores = await openStoresInThread(config.storage, config.est.failures, fatal);
    opened.push(() => stores.close());
    const ca = readCertificationAuthority(await stores.caState.load());
    requireActive(ca);
    for (const { environment } of Object.values(config.tokens))
      relocateSoftHsmToken(paths.softHsm, environment);
    const signers = new SignerProcesses(config, logger);
    opened.push(() => signers.stop());
    await signers.lend(ca);
    warnOfMissing(ca, config, logger);
    const workers = await startListening(config, signers.sockets, logger, fatal);
    opened.push(() => workers.stop());
    const keys = new KeyConnections(config.tokens, signers.sockets);
    opened.push(() => keys.close());
    const renewal = renewOwnCertificates({
      config,
      store: stores.caState,
      ledger: stores.ledger,
      profiles: stores.profiles,
      keys,
      announce: () => workers.follow(signers.sockets),
      logger,
    });
    opened.push(() => renewal.stop());
    const announcer = config.discovery.announce
      ? announce(config, workers.address, ca, logger)
      : undefined;
    if (announcer) opened.push(() => announcer.stop());
    const follower = followCa(ca.version, {
      store: stores.caState,
      signers,
      workers,
      changed: (now) => {
        keys.follow(signers.sockets);
        renewal.look();
        announcer?.follow(rootFingerprint(now));
      },
      logger,
    });
    opened.push(() => follower.stop());
    const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
    const { webhooks, deliveries, events } = stores;
    const parts = { ...webhookParts(config, pepper), webhooks, deliveries, events, logger };
    const deliverer = new Deliverer({ ...parts, ...config.events });
    deliverer.start();
    opened.push(() => deliverer.stop());
    const campaigns = await startCampaigns(stores, config, logger);
    opened.push(() => campaigns.stop());
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

async function startCampaigns(stores: Stores, { endpointArc }: Config, logger: Logger) {
  const { allocation: directory, campaignTurns: turns, devices, ledger } = stores;
  // Each look reads them again by itself, and reports what keeps it from that.
  const rules = await FollowedRules.read({ directory, report: () => undefined });
  return runCampaigns({ turns, devices, ledger, endpointArc, rules, logger });
}

function warnOfMissing(
  { issuers }: CertificationAuthority,
  { status }: Config,
  logger: Logger,
): void {
  for (const { name, active } of issuers) {
    if (!active) logger.warn({ issuer: name }, 'the issuer waits for its certificate');
    if (active && !active.delegated.cmc)
      logger.warn(
        { issuer: name },
        'there is no key for CMC: /fullcmc and encrypted /serverkeygen are off until `bestow ca cmc-key` has made it',
      );
    if (active && status && !active.delegated.ocsp)
      logger.warn(
        { issuer: name },
        'there is no key for OCSP: it is off until `bestow ca ocsp-key` has made it',
      );
  }
}

/** By the root of the issuer that the server's own certificate is of. */
function announce(
  { discovery, est }: Config,
  listening: AddressInfo,
  ca: CertificationAuthority,
  logger: Logger,
): Announcer {
  const [certificateHost = 'localhost'] = est.hostnames;
  const fingerprint = rootFingerprint(ca);
  const announcer = new Announcer({
    ...discovery,
    listening,
    certificateHost,
    fingerprint,
    logger,
  });
  announcer.start();
  return announcer;
}

function rootFingerprint(ca: CertificationAuthority): Buffer {
  return hash('sha256', requireActive(ca).chain.root.der, 'buffer');
}

/** One worker needs no process of its own. */
function startListening(
  config: Config,
  sockets: SignerSockets,
  logger: Logger,
  fatal: (error: Error) => void,
): Promise<Addresses & Pick<EstWorker, 'follow' | 'stop'>> {
  const count = config.est.workers === 'auto' ? availableParallelism() : config.est.workers;
  return count === 1
    ? startEstWorker(config, sockets, logger, fatal)
    : startWorkers(count, { config, sockets, logger, fatal });
}

/** Host and port. A listener on a loopback or on all addresses is reached as localhost. */
function hostOf(listen: ListenAddress, { address, family, port }: AddressInfo): string {
  const anywhere = ['', '0.0.0.0', '::', '127.0.0.1', '::1', 'localhost'].includes(listen.host);
  const host = anywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `${host}:${port}`;
}
