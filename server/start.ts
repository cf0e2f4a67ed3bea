/**
 * The composition root of an EST worker: which implementation stands behind each port.
 */

import type { AddressInfo, Server } from 'node:net';
import type { Logger } from 'pino';
import { readCertificationAuthority } from '../ca/certification-authority.ts';
import { ClientCertificateValidator } from '../ca/client-certificate.ts';
import { CrlSchedule } from '../ca/crl-schedule.ts';
import type { CrlRecord } from '../ca/crl-store.ts';
import type { ActiveProfiles } from '../enrollment/active-profiles.ts';
import { FollowedRules } from '../enrollment/allocation/followed-rules.ts';
import { BootstrapCredentialAuthenticator } from '../enrollment/by-bootstrap-credential.ts';
import { CertificateAuthenticator } from '../enrollment/by-certificate.ts';
import { DigestAuthenticator } from '../enrollment/by-digest.ts';
import { FactoryCertificateAuthenticator } from '../enrollment/by-factory-certificate.ts';
import { OneTimePasswordAuthenticator } from '../enrollment/by-one-time-password.ts';
import { RequestKeyAuthenticator } from '../enrollment/by-request-key.ts';
import { SharedSecretAuthenticator } from '../enrollment/by-shared-secret.ts';
import type { DeliveredAnswers } from '../enrollment/delivered-answers.ts';
import { DeviceKeySecrets } from '../enrollment/device-keys.ts';
import { PlatformKeyGenerator } from '../enrollment/platform-key-generator.ts';
import { RevocationChallenges } from '../enrollment/revocation-challenge.ts';
import { ShownCodes } from '../enrollment/shown-code.ts';
import type { Stores } from '../storage/stores.ts';
import { openStoresInThread } from '../storage/stores-in-thread.ts';
import { type Config, type ListenAddress, readSecret } from './config.ts';
import { defaultToken } from './config-schema.ts';
import { CrlFiles } from './crl-files.ts';
import { AnswersInMemory } from './delivered-answers.ts';
import { estApp } from './est/app.ts';
import { PendTokens } from './est/cmc/pend-token.ts';
import { PopChallenges } from './est/cmc/pop-challenge.ts';
import { NonceMint } from './est/digest-nonce.ts';
import type { EstParts } from './est/exchange.ts';
import { AuthorizationWebhook } from './events/authorization-webhook.ts';
import { EndpointWebhook } from './events/endpoint-webhook.ts';
import { Sightings } from './events/sightings.ts';
import { webhookParts } from './events/webhook-parts.ts';
import { gracefulClose } from './graceful-close.ts';
import { IssuersInUse } from './issuers.ts';
import { KeyConnections, type SignerSockets } from './key-connections.ts';
import { createListener, createStatusListener } from './listener.ts';
import { readActiveProfiles } from './read-profiles.ts';
import { statusApp } from './status/app.ts';
import { readTlsIdentity } from './tls-identity.ts';

export interface EstWorker {
  readonly address: AddressInfo;
  /** Of the listener for relying parties, where there is one. */
  readonly statusAddress?: AddressInfo;
  /** Goes on with the CA, and the TLS certificate, as they are now. @throws Error; then all is as before */
  follow(sockets: SignerSockets): Promise<void>;
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
  sockets: SignerSockets,
  logger: Logger,
  fatal: (error: Error) => void,
  answers = new AnswersInMemory(),
): Promise<EstWorker> {
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const stores = await openStoresInThread(config.storage, config.est.failures, fatal);
  const keys = new KeyConnections(config.tokens, sockets);
  const opened: (() => Promise<void>)[] = [];
  const stop = async () => {
    await Promise.all(opened.map((close) => close()));
    answers.close();
    keys.close();
    await stores.close();
  };
  try {
    const ca = readCertificationAuthority(await stores.caState.load());
    const issuers = new IssuersInUse(ca, issuerParts({ config, keys, stores, logger }));
    await issuers.openCrls();
    const profiles = await readActiveProfiles(stores.profiles, config, (error) =>
      logger.error({ err: error }, 'the profiles could not be read again; the last ones serve on'),
    );
    profiles.follow();
    opened.push(async () => profiles.close());
    const allocation = await followAllocation(stores, logger);
    opened.push(async () => allocation.close());
    const parts = composeEst({
      config,
      issuers,
      profiles,
      allocation,
      keys,
      stores,
      answers,
      pepper,
      logger,
    });
    opened.push(async () => parts.sightings?.flush());
    const { limits } = config.est;
    const identity = readTlsIdentity(config.directory, ca);
    const server = createListener({ ...identity, limits }, estApp(parts, logger), logger);
    const est = await listen(server, config.est.listen);
    opened.push(est.close);
    const status = await listenForStatus(config, issuers, logger);
    if (status) opened.push(status.close);
    const schedule = scheduleCrls(config, issuers, logger);
    opened.push(async () => schedule.stop());
    const follow = async (now: SignerSockets) => {
      const next = readCertificationAuthority(await stores.caState.load());
      const { certificateChain: cert, privateKey: key } = readTlsIdentity(config.directory, next);
      keys.follow(now);
      issuers.follow(next);
      await issuers.openCrls();
      server.setSecureContext({ cert, key });
    };
    return {
      address: est.address,
      ...(status ? { statusAddress: status.address } : {}),
      follow,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly issuers: IssuersInUse;
  readonly profiles: ActiveProfiles;
  readonly allocation: FollowedRules;
  readonly keys: KeyConnections;
  readonly stores: Stores;
  readonly answers: DeliveredAnswers;
  readonly pepper: Uint8Array;
  readonly logger: Logger;
}

async function followAllocation(
  { allocation: directory }: Stores,
  logger: Logger,
): Promise<FollowedRules> {
  const rules = await FollowedRules.read({
    directory,
    report: (error) =>
      logger.error(
        { err: error },
        'the allocation policies could not be read again; the last ones serve on',
      ),
  });
  rules.follow();
  return rules;
}

function issuerParts({
  config,
  keys,
  stores,
  logger,
}: Pick<Parts, 'config' | 'keys' | 'stores' | 'logger'>) {
  const { serialPrefix, status, crl, ocsp } = config;
  return {
    serialPrefix,
    status,
    crl,
    ocsp,
    keys,
    ledger: stores.ledger,
    crls: stores.crls,
    crlMaker: stores.crlMaker,
    report: (error: unknown) =>
      logger.error({ err: error }, 'no new CRL could be made; the last one serves on'),
    behind: ({ issuer, partition, number, der }: CrlRecord) =>
      logger.info(
        { issuer, partition, crl: number, octets: der.length },
        'a large CRL serves on until the next one is made, which knows of later revocations',
      ),
  };
}

/** Every worker keeps the schedule; the database decides who makes a CRL. */
function scheduleCrls(
  { crl: { directory } }: Config,
  issuers: IssuersInUse,
  logger: Logger,
): CrlSchedule {
  const files = directory === undefined ? undefined : new CrlFiles(directory);
  const schedule = new CrlSchedule({
    publishers: () => issuers.publishers,
    ...(files ? { follow: (publisher, state) => files.follow(publisher, state) } : {}),
    report: (error) =>
      logger.error({ err: error }, 'a CRL could not be published; it is tried again'),
  });
  schedule.start();
  return schedule;
}

function composeEst({
  config,
  issuers,
  profiles,
  allocation,
  keys,
  stores,
  answers,
  pepper,
  logger,
}: Parts): EstParts {
  const { ledger, devices, tenants, oneTimePasswords, approvals, deviceKeys } = stores;
  const validator = new ClientCertificateValidator(issuers);
  const asking = { ...webhookParts(config, pepper), webhooks: stores.webhooks };
  const { authorizationTimeout, allocationTimeout } = config.events;
  const requestKey = new RequestKeyAuthenticator(devices, tenants);
  return {
    issuers,
    profiles,
    allocation,
    ledger,
    devices,
    tenants,
    approvals,
    stagingArea: stores.stagingArea,
    waiting: config.est.waiting,
    revocationChallenges: new RevocationChallenges(pepper),
    authenticators: {
      oneTimePassword: new OneTimePasswordAuthenticator(oneTimePasswords, pepper),
      digest: new DigestAuthenticator(oneTimePasswords, stores.digestNonces, pepper),
      nonces: new NonceMint(pepper),
      certificate: new CertificateAuthenticator(validator, ledger, devices),
      factoryCertificate: new FactoryCertificateAuthenticator(stores.manufacturers),
      requestKey,
      bootstrapCredential: new BootstrapCredentialAuthenticator(
        stores.bootstrapCredentials,
        requestKey,
        pepper,
      ),
      shownCodes: new ShownCodes(pepper),
      sharedSecret: new SharedSecretAuthenticator(oneTimePasswords, pepper),
    },
    failures: oneTimePasswords,
    popChallenges: new PopChallenges(pepper),
    pendTokens: new PendTokens(pepper),
    keyGenerators: { platform: new PlatformKeyGenerator(), token: keys.generator(defaultToken) },
    deviceKeys,
    deviceKeySecrets: new DeviceKeySecrets(pepper),
    deliveredAnswers: answers,
    authorization: new AuthorizationWebhook({ ...asking, timeout: authorizationTimeout }),
    endpointWebhooks: new EndpointWebhook({
      ...asking,
      timeout: allocationTimeout,
      report: (problem) => logger.warn(problem, 'a webhook did not say where a device goes'),
    }),
    sightings: new Sightings(stores.events, logger),
  };
}

/** What relying parties fetch comes from the same issuers as what devices fetch. */
function listenForStatus(
  { status, est: { limits } }: Config,
  issuers: IssuersInUse,
  logger: Logger,
): Promise<Listening> | undefined {
  if (!status) return undefined;
  const app = statusApp({
    crls: (id) => issuers.status(id)?.crls,
    certificate: (id) => issuers.announced.find((each) => each.id === id),
    get responders() {
      return issuers.responders;
    },
    logger,
  });
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
