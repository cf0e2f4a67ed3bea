/**
 * The whole service but for TLS and the HSM: the real application behind the real limits of a listener, real stores, a CA in
 * memory. What TLS would tell of a connection, the client tells.
 */

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import {
  cmcResponderProfile,
  deviceProfile,
  registrationAuthorityProfile,
} from '../../ca/certificate-profile.ts';
import { ClientCertificateValidator } from '../../ca/client-certificate.ts';
import { CrlPublisher } from '../../ca/crl-publisher.ts';
import { readDer } from '../../ca/der.ts';
import { encodeSubject } from '../../ca/distinguished-name.ts';
import { noRules } from '../../enrollment/allocation/allocate.ts';
import { BootstrapCredentialAuthenticator } from '../../enrollment/by-bootstrap-credential.ts';
import { CertificateAuthenticator } from '../../enrollment/by-certificate.ts';
import { DigestAuthenticator } from '../../enrollment/by-digest.ts';
import { FactoryCertificateAuthenticator } from '../../enrollment/by-factory-certificate.ts';
import { OneTimePasswordAuthenticator } from '../../enrollment/by-one-time-password.ts';
import { RequestKeyAuthenticator } from '../../enrollment/by-request-key.ts';
import { SharedSecretAuthenticator } from '../../enrollment/by-shared-secret.ts';
import { CmcSecrets } from '../../enrollment/cmc-secret.ts';
import { DeviceKeySecrets } from '../../enrollment/device-keys.ts';
import { DigestSecrets } from '../../enrollment/digest-secret.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import { hashOneTimePassword, makeOneTimePassword } from '../../enrollment/one-time-password.ts';
import { PlatformKeyGenerator } from '../../enrollment/platform-key-generator.ts';
import { RevocationChallenges } from '../../enrollment/revocation-challenge.ts';
import { ShownCodes } from '../../enrollment/shown-code.ts';
import { AnswersInMemory } from '../../server/delivered-answers.ts';
import { estApp } from '../../server/est/app.ts';
import { PendTokens } from '../../server/est/cmc/pend-token.ts';
import { PopChallenges } from '../../server/est/cmc/pop-challenge.ts';
import { NonceMint } from '../../server/est/digest-nonce.ts';
import { createStatusListener } from '../../server/listener.ts';
import { type OpenStores, openStores } from '../../storage/stores.ts';
import { spkiOf } from '../support/forged-request.ts';
import { ForgingDevice } from '../support/forging-device.ts';
import { noAuthorization } from '../support/no-authorization.ts';
import { noEndpointWebhooks } from '../support/no-endpoint-webhooks.ts';
import { oneIssuer } from '../support/one-issuer.ts';
import { profilesOver } from '../support/profiles.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../support/software-ca.ts';
import { SoftwareSigner } from '../support/software-signer.ts';
import { certificates } from './seeds.ts';

/** One group for each way of enrolling that reads other things, or in another order. */
const groups: Record<string, Partial<GroupSettings>> = {
  plain: {
    passwordSchemes: ['basic', 'digest'],
    cmcSharedSecret: true,
    subjectChange: true,
    serverKeys: 'platform',
    serverKeyDelivery: 'plain-allowed',
  },
  waiting: { approval: true, cmcSharedSecret: true, serverKeys: 'platform' },
  legacy: { challengePassword: 'one-time-password', linking: 'off' },
  linked: { linking: 'required' },
  sealed: { credentials: 'password', serverKeys: 'platform', requestParts: ['commonName'] },
  both: { credentials: 'both', requestParts: ['revocationChallenge', 'subjectAltName'] },
};
export const labels: readonly string[] = Object.keys(groups);

/** Of which the subjects of the seeds know the first. */
export const deviceOf = (label: string): string =>
  label === 'plain' ? 'device-1' : `device-${label}`;
export const registrationAuthority = 'ra-1';

const pepper = Buffer.from('pepper');
/** tls-exporter of every connection. */
export const channelBinding = Buffer.alloc(32, 7);
const generous = 1e9;
const limits = {
  connections: 1000,
  handshakeTimeout: 30_000,
  headersTimeout: 30_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 600_000,
};

export interface Client {
  readonly device: ForgingDevice;
  readonly key: KeyObject;
  /** Of this CA, DER. */
  readonly certificate: Buffer;
  /** Another one, to be revoked. */
  readonly spare: Buffer;
}

export interface Password {
  /** Credential id. */
  readonly id: string;
  readonly password: string;
}

export class EstService {
  readonly port: number;
  readonly clients: ReadonlyMap<string, Client>;
  /** Lines of the log since they were last looked at. */
  readonly log: string[];
  readonly stores: OpenStores;
  readonly nonces = new NonceMint(pepper);
  /** Client certificates by the port of the client. */
  readonly #certificates: Map<number | undefined, Buffer>;
  readonly #close: () => Promise<void>;
  #passwords = 0;

  private constructor(parts: {
    port: number;
    clients: ReadonlyMap<string, Client>;
    log: string[];
    stores: OpenStores;
    certificates: Map<number | undefined, Buffer>;
    close: () => Promise<void>;
  }) {
    this.port = parts.port;
    this.clients = parts.clients;
    this.log = parts.log;
    this.stores = parts.stores;
    this.#certificates = parts.certificates;
    this.#close = parts.close;
  }

  static async start(): Promise<EstService> {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-fuzz-'));
    const stores = await openStores(
      { sqlite: join(directory, 'bestow.db'), busyTimeout: 5000 },
      {
        perCredentialAndSource: generous,
        perCredential: generous,
        perSource: generous,
        windowSeconds: 60,
      },
    );
    const ca = await makeSoftwareCa({ commonName: 'Test CA' });
    const { ledger } = stores;
    const authority = new CertificateAuthority({
      issuer: ca.issuing,
      signer: ca.signer,
      ledger,
      serialPrefix: 1,
    });
    const clients = await enlist(stores, authority);
    const log: string[] = [];
    const certificates = new Map<number | undefined, Buffer>();
    const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) });
    const app = estApp(await partsOf(ca, authority, stores), logger);
    const server = createStatusListener(limits, app, logger);
    server.on('connection', (socket: Socket) => pretendTls(socket, certificates));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await stores.close();
      rmSync(directory, { recursive: true, force: true });
    };
    const { port } = server.address() as AddressInfo;
    return new EstService({ port, clients, log, stores, certificates, close });
  }

  /** From now on the connection from this port has the certificate. */
  present(port: number | undefined, certificate: Buffer): void {
    this.#certificates.set(port, certificate);
  }

  /** A new one-time password, good for every way to send one, also where there are many. */
  async password(device: string): Promise<Password> {
    const password = makeOneTimePassword();
    const id = `otp-fuzz-${++this.#passwords}`;
    await this.stores.oneTimePasswords.create({
      id,
      device,
      passwordHash: hashOneTimePassword(password, pepper),
      digestSecret: new DigestSecrets(pepper).make(password, { id, device }),
      cmcSecret: new CmcSecrets(pepper).make(password, id),
      createdAt: new Date(),
      expiresAt: new Date(Date.now() + 86_400_000),
      by: 'test',
    });
    return { id, password };
  }

  close(): Promise<void> {
    return this.#close();
  }
}

function pretendTls(socket: Socket, certificates: Map<number | undefined, Buffer>): void {
  const { remotePort } = socket;
  socket.once('close', () => certificates.delete(remotePort));
  Object.assign(socket, {
    getPeerX509Certificate: () => {
      const raw = certificates.get(remotePort);
      return raw && { raw };
    },
    getProtocol: () => 'TLSv1.3',
    exportKeyingMaterial: () => channelBinding,
  });
}

const day = { validity: '1d', endpoints: 'none' } as const;

async function partsOf(
  { root, issuing, signer }: SoftwareCa,
  authority: CertificateAuthority,
  stores: OpenStores,
): Promise<Parameters<typeof estApp>[0]> {
  const { ledger, devices, tenants, oneTimePasswords, approvals } = stores;
  const cmcKey = new SoftwareSigner('P-256');
  const { certificate } = await authority.issue(
    makePlan({ profile: cmcResponderProfile, publicKey: publicKeyOf(cmcKey.publicKey) }),
  );
  const crls = new CrlPublisher({
    issuer: issuing,
    signer,
    store: stores.crls,
    validitySeconds: 3600,
    report: (error) => {
      throw error;
    },
  });
  const requestKey = new RequestKeyAuthenticator(devices, tenants);
  return {
    issuers: oneIssuer(authority, {
      announced: [root, issuing],
      crls,
      cmcSigner: { signer: cmcKey, certificate },
    }),
    profiles: await profilesOver(stores, day),
    allocation: { current: noRules },
    ledger,
    devices,
    tenants,
    approvals,
    stagingArea: stores.stagingArea,
    authorization: noAuthorization,
    endpointWebhooks: noEndpointWebhooks,
    waiting: { retryAfter: 60, validity: 3600 },
    revocationChallenges: new RevocationChallenges(pepper),
    authenticators: {
      oneTimePassword: new OneTimePasswordAuthenticator(oneTimePasswords, pepper),
      digest: new DigestAuthenticator(oneTimePasswords, stores.digestNonces, pepper),
      nonces: new NonceMint(pepper),
      certificate: new CertificateAuthenticator(
        new ClientCertificateValidator({ certificates: [issuing] }),
        ledger,
        devices,
      ),
      sharedSecret: new SharedSecretAuthenticator(oneTimePasswords, pepper),
      requestKey,
      bootstrapCredential: new BootstrapCredentialAuthenticator(
        stores.bootstrapCredentials,
        requestKey,
        pepper,
      ),
      shownCodes: new ShownCodes(pepper),
      factoryCertificate: new FactoryCertificateAuthenticator(stores.manufacturers),
    },
    failures: oneTimePasswords,
    popChallenges: new PopChallenges(pepper),
    pendTokens: new PendTokens(pepper),
    deviceKeys: stores.deviceKeys,
    deviceKeySecrets: new DeviceKeySecrets(pepper),
    deliveredAnswers: new AnswersInMemory(),
    keyGenerators: { platform: new PlatformKeyGenerator() },
  };
}

function publicKeyOf(subjectPublicKeyInfo: Uint8Array) {
  const bits = readDer(subjectPublicKeyInfo).children[1];
  return {
    subjectPublicKeyInfo,
    subjectPublicKey: bits?.content.subarray(1) ?? new Uint8Array(),
  };
}

/** A device in each group, with a certificate and with keys to decrypt with, and a registration authority. */
async function enlist(
  { tenants, devices, deviceKeys }: OpenStores,
  authority: CertificateAuthority,
): Promise<Map<string, Client>> {
  const now = new Date();
  const [first = 'plain'] = labels;
  await tenants.add({ id: 'acme', endpoints: [], label: first }, 'test', now);
  await tenants.changeSettings(first, groups[first] ?? {}, 'test', now);
  for (const [label, changes] of Object.entries(groups).slice(1)) {
    const settings = { ...defaultSettings, ...changes };
    await tenants.addGroup({ label, tenant: 'acme', settings }, 'test', now);
  }
  const clients = new Map<string, Client>();
  const secrets = new DeviceKeySecrets(pepper);
  for (const label of [...labels, registrationAuthority]) {
    const isRa = label === registrationAuthority;
    const id = isRa ? registrationAuthority : deviceOf(label);
    const group = isRa ? first : label;
    const role = isRa ? ('registration-authority' as const) : ('device' as const);
    const names = ['DNS:a.example'];
    const added = await devices.add({ id, tenant: 'acme', group, names, role }, 'test', now);
    if (added.kind !== 'added') throw new Error(`The device ${id} cannot be added.`);
    const device = new ForgingDevice(id);
    const key = createPrivateKey(device.key);
    const plan = makePlan({
      profile: isRa ? registrationAuthorityProfile(day) : deviceProfile(day),
      subject: encodeSubject({ commonName: id }),
      subjectAltNames: names,
      subscriber: id,
      publicKey: publicKeyOf(spkiOf(createPublicKey(device.key))),
    });
    const { certificate } = await authority.issue(plan);
    const { certificate: spare } = await authority.issue({ ...plan, requestId: 'request-2' });
    clients.set(id, {
      device,
      key,
      certificate: Buffer.from(certificate),
      spare: Buffer.from(spare),
    });
    const shared = { device: id, id: Buffer.from('shared').toString('hex') };
    const certified = { device: id, id: Buffer.from('certified').toString('hex') };
    const material = secrets.seal(Buffer.alloc(32), shared);
    await deviceKeys.add({ ...shared, kind: 'shared-key', material }, 'test', now);
    const [toEncrypt = Buffer.alloc(0)] = certificates;
    await deviceKeys.add({ ...certified, kind: 'certificate', material: toEncrypt }, 'test', now);
  }
  return clients;
}
