/**
 * The composition root of an EST worker: which implementation stands behind each port.
 */

import { readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import type { Logger } from 'pino';
import type { CaCertificate, CaChain } from '../ca/ca-chain.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { deviceProfile, registrationAuthorityProfile } from '../ca/certificate-profile.ts';
import { ClientCertificateValidator } from '../ca/client-certificate.ts';
import { CrlPublisher } from '../ca/crl-publisher.ts';
import type { DelegatedCertificate } from '../ca/delegated-certificate.ts';
import type { OcspCertificate } from '../ca/ocsp-certificate.ts';
import { OcspResponder } from '../ca/ocsp-responder.ts';
import type { Signer } from '../ca/signer.ts';
import { CertificateAuthenticator } from '../enrollment/by-certificate.ts';
import { DigestAuthenticator } from '../enrollment/by-digest.ts';
import { OneTimePasswordAuthenticator } from '../enrollment/by-one-time-password.ts';
import { SharedSecretAuthenticator } from '../enrollment/by-shared-secret.ts';
import type { DeliveredAnswers } from '../enrollment/delivered-answers.ts';
import { DeviceKeySecrets } from '../enrollment/device-keys.ts';
import type { KeyGenerator } from '../enrollment/key-generator.ts';
import { PlatformKeyGenerator } from '../enrollment/platform-key-generator.ts';
import { RevocationChallenges } from '../enrollment/revocation-challenge.ts';
import { RemoteKeyGenerator } from '../hsm/key-generator-connection.ts';
import { connectSigner } from '../hsm/signer-connection.ts';
import type { Stores } from '../storage/stores.ts';
import { openStoresInThread } from '../storage/stores-in-thread.ts';
import { caKeyOf } from './ca-key.ts';
import { type Config, type ListenAddress, readSecret } from './config.ts';
import {
  dataPaths,
  loadCaChain,
  loadCmcCertificate,
  loadOcspCertificate,
} from './data-directory.ts';
import { AnswersInMemory } from './delivered-answers.ts';
import { estApp } from './est/app.ts';
import { PendTokens } from './est/cmc/pend-token.ts';
import { PopChallenges } from './est/cmc/pop-challenge.ts';
import { NonceMint } from './est/digest-nonce.ts';
import type { CmcSigner, EstParts } from './est/exchange.ts';
import { gracefulClose } from './graceful-close.ts';
import { createListener, createStatusListener } from './listener.ts';
import { statusApp } from './status/app.ts';
import { statusUrlsOf } from './status/locations.ts';

export interface EstWorker {
  readonly address: AddressInfo;
  /** Of the listener for relying parties, where there is one. */
  readonly statusAddress?: AddressInfo;
  /** Takes no more connections, finishes the requests in flight, closes what it opened. */
  stop(): Promise<void>;
}

/**
 * What can be read is read before anything is opened; what is opened is closed again when a later step fails.
 * @param fatal called when the worker can no longer serve and has to be replaced
 * @param answers shared with the other workers, where there are any
 * @throws Error with a sentence that says why the worker does not start
 */
export async function startEstWorker(
  config: Config,
  signerSocket: string,
  logger: Logger,
  fatal: (error: Error) => void,
  answers = new AnswersInMemory(),
): Promise<EstWorker> {
  const chain = loadCaChain(config.directory);
  const paths = dataPaths(config.directory);
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const certificateChain = readFileSync(paths.serverChain);
  const privateKey = readFileSync(paths.serverKey);
  const certificates = {
    cmc: loadCmcCertificate(config.directory, chain),
    ocsp: config.status && loadOcspCertificate(config.directory, chain),
  };

  const stores = await openStoresInThread(config.storage, config.est.failures, fatal);
  const token = connectToken(config, signerSocket, chain, certificates);
  const opened: (() => Promise<void>)[] = [];
  const stop = async () => {
    await Promise.all(opened.map((close) => close()));
    answers.close();
    token.close();
    await stores.close();
  };
  try {
    const parts = composeEst({ config, chain, token, stores, answers, pepper, logger });
    const app = estApp(parts, logger);
    const { limits } = config.est;
    const server = createListener({ certificateChain, privateKey, limits }, app, logger);
    const est = await listen(server, config.est.listen);
    opened.push(est.close);
    const status = await listenForStatus(config, parts, token.ocsp, logger);
    if (status) opened.push(status.close);
    return {
      address: est.address,
      ...(status ? { statusAddress: status.address } : {}),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What the signer process lends to this worker. */
interface Token {
  readonly signer: Signer;
  readonly cmcSigner?: CmcSigner;
  readonly ocsp?: { readonly signer: Signer; readonly certificate: OcspCertificate };
  readonly keyGenerator: KeyGenerator;
  close(): void;
}

function connectToken(
  { hsm: { deadline } }: Config,
  socketPath: string,
  chain: CaChain,
  { cmc, ocsp }: { cmc: DelegatedCertificate | undefined; ocsp: OcspCertificate | undefined },
): Token {
  const connectKeyOf = (certificate: CaCertificate | DelegatedCertificate) =>
    connectSigner({
      socketPath,
      ...caKeyOf(certificate),
      ...(deadline === undefined ? {} : { deadline }),
    });
  const signer = connectKeyOf(chain.issuing);
  const cmcSigner = cmc && connectKeyOf(cmc);
  const ocspSigner = ocsp && connectKeyOf(ocsp);
  return {
    signer,
    ...(cmcSigner ? { cmcSigner: { signer: cmcSigner, certificate: cmc.der } } : {}),
    ...(ocspSigner ? { ocsp: { signer: ocspSigner, certificate: ocsp } } : {}),
    keyGenerator: new RemoteKeyGenerator({ socketPath }),
    close: () => {
      signer.close();
      cmcSigner?.close();
      ocspSigner?.close();
    },
  };
}

interface Parts {
  readonly config: Config;
  readonly chain: CaChain;
  readonly token: Token;
  readonly stores: Stores;
  readonly answers: DeliveredAnswers;
  readonly pepper: Uint8Array;
  readonly logger: Logger;
}

function composeEst(parts: Parts): EstParts {
  const { config, chain, token, stores, answers, pepper, logger } = parts;
  const { ledger, devices, tenants, oneTimePasswords, approvals, deviceKeys } = stores;
  const { serialPrefix } = config;
  const { signer, cmcSigner, keyGenerator } = token;
  const statusUrls = statusUrlsOf(config.status, { ocsp: token.ocsp !== undefined });
  const validator = new ClientCertificateValidator([chain.issuing]);
  return {
    authority: new CertificateAuthority({
      issuer: chain.issuing,
      signer,
      ledger,
      serialPrefix,
      ...(statusUrls ? { statusUrls } : {}),
    }),
    chain,
    profiles: {
      device: deviceProfile(config.profiles.device, config.endpointArc),
      'registration-authority': registrationAuthorityProfile(config.profiles.device),
    },
    ledger,
    crls: new CrlPublisher({
      issuer: chain.issuing,
      signer,
      store: stores.crls,
      ...config.crl,
      report: (error) =>
        logger.error({ err: error }, 'no new CRL could be made; the last one serves on'),
    }),
    devices,
    tenants,
    approvals,
    waiting: config.est.waiting,
    revocationChallenges: new RevocationChallenges(pepper),
    authenticators: {
      oneTimePassword: new OneTimePasswordAuthenticator(oneTimePasswords, pepper),
      digest: new DigestAuthenticator(oneTimePasswords, stores.digestNonces, pepper),
      nonces: new NonceMint(pepper),
      certificate: new CertificateAuthenticator(validator, ledger, devices),
      sharedSecret: new SharedSecretAuthenticator(oneTimePasswords, pepper),
    },
    failures: oneTimePasswords,
    popChallenges: new PopChallenges(pepper),
    pendTokens: new PendTokens(pepper),
    keyGenerators: { platform: new PlatformKeyGenerator(), token: keyGenerator },
    deviceKeys,
    deviceKeySecrets: new DeviceKeySecrets(pepper),
    deliveredAnswers: answers,
    ...(cmcSigner ? { cmcSigner } : {}),
  };
}

/** What relying parties fetch comes from the same parts as what devices fetch. */
function listenForStatus(
  { status, est: { limits }, ocsp: { validitySeconds } }: Config,
  { chain, crls, ledger }: EstParts,
  ocsp: Token['ocsp'],
  logger: Logger,
): Promise<Listening> | undefined {
  if (!status) return undefined;
  const responder =
    ocsp && new OcspResponder({ issuer: chain.issuing, ...ocsp, ledger, validitySeconds });
  const app = statusApp({ chain, crls, logger, ...(responder ? { responder } : {}) });
  return listen(createStatusListener(limits, app, logger), status.listen);
}

interface Listening {
  readonly address: AddressInfo;
  /** Finishes the requests in flight. */
  close(): Promise<void>;
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<Listening> {
  const close = gracefulClose(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return { address: server.address() as AddressInfo, close };
}
