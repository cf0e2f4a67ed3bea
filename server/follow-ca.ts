/**
 * Keeps a running server at the newest state of its CA, which commands and other nodes change.
 */

import type { Logger } from 'pino';
import type { CaStateStore } from '../ca/ca-state-store.ts';
import {
  type CertificationAuthority,
  readCertificationAuthority,
} from '../ca/certification-authority.ts';
import type { SignerSockets } from './key-connections.ts';
import type { SignerProcesses } from './signer-processes.ts';

const intervalMs = 1000;

export interface FollowerParts {
  readonly store: Pick<CaStateStore, 'version' | 'load'>;
  readonly signers: Pick<SignerProcesses, 'lend' | 'sockets'>;
  readonly workers: { follow(sockets: SignerSockets): Promise<void> };
  /** Told after each change that was followed. */
  changed?(ca: CertificationAuthority): void;
  readonly logger: Logger;
}

/**
 * Looks for a new state once a second: its keys are proven and lent before any worker hears of them. What cannot be
 * followed is tried again, and the server goes on as it was.
 * @param version that the server has begun with
 */
export function followCa(version: number, parts: FollowerParts): { stop(): Promise<void> } {
  const { store, signers, workers, logger } = parts;
  let current = version;
  let failed: number | undefined;
  const follow = async () => {
    const newest = await store.version();
    if (newest === current) return;
    try {
      const ca = readCertificationAuthority(await store.load());
      await signers.lend(ca);
      await workers.follow(signers.sockets);
      current = ca.version;
      logger.info({ version: current }, 'the CA has changed');
      parts.changed?.(ca);
    } catch (error) {
      if (failed !== newest)
        logger.error(
          { err: error, version: newest },
          'the CA has changed, and the server cannot follow yet',
        );
      failed = newest;
    }
  };
  let timer: NodeJS.Timeout;
  let running: Promise<void> = Promise.resolve();
  const next = () => {
    timer = setTimeout(() => {
      running = follow().catch((error) =>
        logger.error({ err: error }, 'the state of the CA cannot be read'),
      );
      void running.then(next);
    }, intervalMs);
  };
  next();
  return {
    stop: async () => {
      await running;
      clearTimeout(timer);
    },
  };
}
