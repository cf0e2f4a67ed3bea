/**
 * The composition root of an EST worker: which implementation stands behind each port.
 */

import { readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { CaChain } from '../ca/ca-chain.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { deviceProfile } from '../ca/certificate-profile.ts';
import { ClientCertificateValidator } from '../ca/client-certificate.ts';
import type { Signer } from '../ca/signer.ts';
import { CertificateAuthenticator } from '../enrollment/by-certificate.ts';
import { OneTimePasswordAuthenticator } from '../enrollment/by-one-time-password.ts';
import { connectSigner } from '../hsm/signer-connection.ts';
import type { Stores } from '../storage/stores.ts';
import { openStoresInThread } from '../storage/stores-in-thread.ts';
import { caKeyOf } from './ca-key.ts';
import { type Config, readSecret } from './config.ts';
import { dataPaths, loadCaChain } from './data-directory.ts';
import { estApp } from './est/app.ts';
import type { EstParts } from './est/exchange.ts';
import { gracefulClose } from './graceful-close.ts';
import { createListener } from './listener.ts';

export interface EstWorker {
  readonly address: AddressInfo;
  /** Takes no more connections, finishes the requests in flight, closes what it opened. */
  stop(): Promise<void>;
}

/**
 * What can be read is read before anything is opened; what is opened is closed again when a later step fails.
 * @param fatal called when the worker can no longer serve and has to be replaced
 * @throws Error with a sentence that says why the worker does not start
 */
export async function startEstWorker(
  config: Config,
  signerSocket: string,
  logger: Logger,
  fatal: (error: Error) => void,
): Promise<EstWorker> {
  const chain = loadCaChain(config.directory);
  const paths = dataPaths(config.directory);
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const certificateChain = readFileSync(paths.serverChain);
  const privateKey = readFileSync(paths.serverKey);
  const { deadline } = config.hsm;

  const stores = await openStoresInThread(config.storage, config.est.failures, fatal);
  const signer = connectSigner({
    socketPath: signerSocket,
    ...caKeyOf(chain.issuing),
    ...(deadline === undefined ? {} : { deadline }),
  });
  const closeParts = async () => {
    signer.close();
    await stores.close();
  };
  try {
    const app = estApp(composeEst({ config, chain, signer, stores, pepper }), logger);
    const { limits } = config.est;
    const server = createListener({ certificateChain, privateKey, limits }, app, logger);
    const close = gracefulClose(server);
    await listen(server, config.est.listen);
    return {
      address: server.address() as AddressInfo,
      stop: async () => {
        await close();
        await closeParts();
      },
    };
  } catch (error) {
    await closeParts();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly chain: CaChain;
  readonly signer: Signer;
  readonly stores: Stores;
  readonly pepper: Uint8Array;
}

function composeEst({ config, chain, signer, stores, pepper }: Parts): EstParts {
  const { ledger, devices, tenants, oneTimePasswords } = stores;
  const { serialPrefix } = config;
  const validator = new ClientCertificateValidator([chain.issuing]);
  return {
    authority: new CertificateAuthority({ issuer: chain.issuing, signer, ledger, serialPrefix }),
    chain,
    deviceProfile: deviceProfile(config.profiles.device, config.endpointArc),
    tenants,
    authenticators: {
      oneTimePassword: new OneTimePasswordAuthenticator(oneTimePasswords, pepper),
      certificate: new CertificateAuthenticator(validator, ledger, devices),
    },
  };
}

function listen(server: Server, { host, port }: Config['est']['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
