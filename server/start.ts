/**
 * The composition root of an EST worker: which implementation stands behind each port.
 */

import { readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { deviceProfile } from '../ca/certificate-profile.ts';
import { ClientCertificateValidator } from '../ca/client-certificate.ts';
import { CertificateAuthenticator } from '../enrollment/by-certificate.ts';
import { OneTimePasswordAuthenticator } from '../enrollment/by-one-time-password.ts';
import { connectSigner } from '../hsm/signer-connection.ts';
import { openStoresInThread } from '../storage/stores-in-thread.ts';
import { caKeyOf } from './ca-key.ts';
import { type Config, readSecret } from './config.ts';
import { dataPaths, loadCaChain } from './data-directory.ts';
import { estApp } from './est/app.ts';
import { gracefulClose } from './graceful-close.ts';
import { createListener } from './listener.ts';

export interface EstWorker {
  readonly address: AddressInfo;
  /** Takes no more connections, finishes the requests in flight, closes what it opened. */
  stop(): Promise<void>;
}

/** @param fatal called when the worker can no longer serve and has to be replaced */
export async function startEstWorker(
  config: Config,
  signerSocket: string,
  logger: Logger,
  fatal: (error: Error) => void,
): Promise<EstWorker> {
  const chain = loadCaChain(config.directory);
  const paths = dataPaths(config.directory);
  const stores = await openStoresInThread(config.storage, config.est.failures, fatal);
  const { deadline } = config.hsm;
  const signer = connectSigner({
    socketPath: signerSocket,
    ...caKeyOf(chain.issuing),
    ...(deadline === undefined ? {} : { deadline }),
  });
  const { ledger, devices, tenants, oneTimePasswords } = stores;
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const app = estApp(
    {
      authority: new CertificateAuthority({
        issuer: chain.issuing,
        signer,
        ledger,
        serialPrefix: config.serialPrefix,
      }),
      chain,
      deviceProfile: deviceProfile(config.profiles.device, config.endpointArc),
      tenants,
      authenticators: {
        oneTimePassword: new OneTimePasswordAuthenticator(oneTimePasswords, pepper),
        certificate: new CertificateAuthenticator(
          new ClientCertificateValidator([chain.issuing]),
          ledger,
          devices,
        ),
      },
    },
    logger,
  );
  const server = createListener(
    {
      certificateChain: readFileSync(paths.serverChain),
      privateKey: readFileSync(paths.serverKey),
      limits: config.est.limits,
    },
    app,
    logger,
  );
  const close = gracefulClose(server);
  await listen(server, config.est.listen);
  return {
    address: server.address() as AddressInfo,
    stop: async () => {
      await close();
      signer.close();
      await stores.close();
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
