/**
 * A small world of devices that come with credentials of every kind, over the real stores and a CA, as a server would treat
 * them. What was recorded is noted where the CA writes it; what is to be expected next follows from that alone.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { CertificatePlan } from '../../ca/certificate-plan.ts';
import { deviceProfile } from '../../ca/certificate-profile.ts';
import { digestOf } from '../../ca/certificate-request.ts';
import { encodeSubject } from '../../ca/distinguished-name.ts';
import type { Intent, IssuanceLedger } from '../../ca/issuance-ledger.ts';
import { Refusal } from '../../ca/refusal.ts';
import { objectionToWindow } from '../../enrollment/bootstrap-credential.ts';
import { deviceIdOfKey, RequestKeyAuthenticator } from '../../enrollment/by-request-key.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { openStoresInThread } from '../../storage/stores-in-thread.ts';
import {
  makePlan,
  makePublicKey,
  makeSoftwareCa,
  type SoftwareCa,
} from '../support/software-ca.ts';

/** What a credential is: the last two are shared by a batch, whose devices are unknown before, or registered. */
export const kinds = ['one-time-password', 'numeric-pairing-code', 'batch', 'listed'] as const;
export type Kind = (typeof kinds)[number];
export const devices = 3;
export const keys = 5;

export interface Credential {
  readonly kind: Kind;
  readonly id: string;
  /** Of a password. */
  readonly device: number;
  readonly quota: number;
  readonly notBefore: Date;
  readonly notAfter: Date;
  revoked: boolean;
}

/** A request as a device makes it. */
export interface Ask {
  readonly process: number;
  readonly credential: Credential;
  /** Of a registered device. */
  readonly device: number;
  readonly key: number;
  /** Another request for the same key. */
  readonly variant: number;
  /** The process ends between the intent and the certificate. */
  readonly crash: boolean;
}

const windowSeconds = 60;
const limits = { perCredentialAndSource: 1e6, perCredential: 1e6, perSource: 1e6, windowSeconds };
const profile = deviceProfile({ validity: '1500s', endpoints: 'none' });

/** Two processes on one database, each with its stores in a thread, as a server's workers are. */
export class CredentialDatabase {
  readonly processes: readonly OpenStores[];
  readonly ca: SoftwareCa;
  readonly #directory: string;
  now = new Date('2030-01-01T00:00:00Z');
  worlds = 0;

  private constructor(directory: string, processes: readonly OpenStores[], ca: SoftwareCa) {
    this.#directory = directory;
    this.processes = processes;
    this.ca = ca;
  }

  static async open(): Promise<CredentialDatabase> {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-credentials-'));
    const config = { sqlite: join(directory, 'world.db'), busyTimeout: 10_000 };
    const processes: OpenStores[] = [];
    for (let i = 0; i < 2; i++)
      processes.push(
        await openStoresInThread(config, limits, (error) => {
          throw error;
        }),
      );
    const ca = await makeSoftwareCa({ now: new Date('2030-01-01T00:00:00Z') });
    const database = new CredentialDatabase(directory, processes, ca);
    const settings = {
      'one-time-password': {},
      'numeric-pairing-code': { possession: 'pairing-code' },
      batch: { identity: 'generated', possession: 'bootstrap-credential' },
      listed: { possession: 'bootstrap-credential' },
    } as const;
    for (const kind of kinds) {
      await database.#first.tenants.add(
        { id: kind, endpoints: [], label: kind },
        'test',
        database.now,
      );
      await database.#first.tenants.changeSettings(kind, settings[kind], 'test', database.now);
    }
    return database;
  }

  get #first(): OpenStores {
    return this.processes[0] ?? assert.fail();
  }

  async close(): Promise<void> {
    for (const stores of this.processes) await stores.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export class CredentialWorld {
  readonly credentials: Credential[] = [];
  readonly asked: Ask[] = [];
  /** In the order in which they were recorded, as far as that can be seen. */
  readonly recorded: Intent[] = [];
  /** Since when the key of a registered device is forgotten: so many were recorded before. */
  readonly resets = new Map<string, number>();
  readonly #released = new Map<string, string>();
  readonly #database: CredentialDatabase;
  readonly #name: string;
  readonly #keys: readonly CertificatePlan['publicKey'][];
  readonly #authorities: readonly CertificateAuthority[];
  #count = 0;

  private constructor(database: CredentialDatabase) {
    this.#database = database;
    this.#name = `w${++database.worlds}`;
    this.#keys = Array.from({ length: keys }, makePublicKey);
    const { issuing: issuer, signer } = database.ca;
    this.#authorities = database.processes.map(
      ({ ledger }) =>
        new CertificateAuthority({
          ...{ issuer, signer, serialPrefix: 1, clock: () => this.now },
          ledger: this.#watched(ledger),
        }),
    );
  }

  static async make(database: CredentialDatabase): Promise<CredentialWorld> {
    const world = new CredentialWorld(database);
    for (const kind of ['one-time-password', 'numeric-pairing-code', 'listed'] as const)
      for (let i = 0; i < devices; i++)
        await world
          .#stores(0)
          .devices.add({ id: world.deviceId(kind, i), tenant: kind, names: [] }, 'test', world.now);
    return world;
  }

  get now(): Date {
    return this.#database.now;
  }

  pass(seconds: number): void {
    this.#database.now = new Date(this.now.getTime() + seconds * 1000);
  }

  deviceId(kind: Kind, device: number): string {
    return `${this.#name}-${kind}-${device}`;
  }

  keyDigest(key: number): string {
    return digestOf(this.#keys[key]?.subjectPublicKeyInfo ?? assert.fail());
  }

  subscriberOf({ credential: { kind, device: own }, device, key }: Ask): string {
    if (kind === 'batch') return deviceIdOfKey(this.keyDigest(key));
    return this.deviceId(kind, kind === 'listed' ? device : own);
  }

  async create(kind: Kind, device: number, quota: number, opens: number, ttl: number) {
    const id = `${this.#name}-credential-${++this.#count}`;
    const shared = kind === 'batch' || kind === 'listed';
    const notBefore = new Date(this.now.getTime() + (shared ? opens * 1000 : 0));
    const notAfter = new Date(notBefore.getTime() + ttl * 1000);
    const times = { createdAt: this.now, by: 'test' };
    const { oneTimePasswords, bootstrapCredentials } = this.#stores(0);
    if (shared)
      await bootstrapCredentials.create({
        ...{ id, group: kind, quota, notBefore, notAfter, secretHash: id, ...times },
      });
    else
      await oneTimePasswords.create({
        ...{ id, kind, device: this.deviceId(kind, device), passwordHash: id },
        ...{ ...times, expiresAt: notAfter },
      });
    if (kind === 'numeric-pairing-code')
      for (const each of this.credentials)
        if (each.kind === kind && each.device === device && this.by(each).length === 0)
          each.revoked = true;
    this.credentials.push({ kind, id, device, quota, notBefore, notAfter, revoked: false });
  }

  async revoke(process: number, credential: Credential): Promise<void> {
    const { id, kind } = credential;
    const { oneTimePasswords, bootstrapCredentials } = this.#stores(process);
    const now =
      kind === 'batch' || kind === 'listed'
        ? await bootstrapCredentials.revoke(id, 'test', this.now)
        : await oneTimePasswords.revoke(id, 'test', this.now);
    credential.revoked = now?.state === 'revoked';
  }

  async resetKey(device: number): Promise<void> {
    const id = this.deviceId('listed', device);
    await this.#stores(0).devices.resetKey(id, 'test', this.now);
    this.resets.set(id, this.recorded.length);
  }

  /** Intents that a credential brought. */
  by({ id }: Credential): Intent[] {
    return this.recorded.filter(({ credential }) => credential.id === id);
  }

  /** What the server would do with it. @returns `issued`, `repeated`, `crashed` or the code of the refusal */
  async ask(ask: Ask): Promise<string> {
    this.asked.push(ask);
    try {
      const plan = await this.#planFor(ask);
      const authority = this.#authorities[ask.process] ?? assert.fail();
      const { serialNumber, certificate, repeated } = await authority.issue(plan);
      const der = Buffer.from(certificate).toString('base64');
      assert.equal(this.#released.get(serialNumber) ?? der, der, 'two of one serial number');
      this.#released.set(serialNumber, der);
      return repeated ? 'repeated' : 'issued';
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      if (error === ended) return 'crashed';
      throw error;
    } finally {
      // That five failures end all codes of a device is tested elsewhere.
      if (ask.credential.kind === 'numeric-pairing-code') {
        const device = this.subscriberOf(ask);
        await this.#stores(0).oneTimePasswords.forgetPairingFailures(device, 'test', this.now);
      }
    }
  }

  async #planFor(ask: Ask): Promise<CertificatePlan> {
    const { variant, key, crash } = ask;
    const subscriber = this.subscriberOf(ask);
    return makePlan({
      profile,
      ...(await this.#identify(ask, subscriber)),
      subject: encodeSubject({ commonName: subscriber }),
      subjectAltNames: variant === 0 ? [] : [`DNS:v${variant}.example`],
      publicKey: this.#keys[key] ?? assert.fail(),
      endpoints: [],
      subscriber,
      requestId: crash ? 'crash' : 'request',
    });
  }

  /** By the calls that the authenticators make, at the time of this world. */
  async #identify(
    { process, credential, key }: Ask,
    subscriber: string,
  ): Promise<Pick<CertificatePlan, 'credential' | 'registration'>> {
    const { oneTimePasswords, bootstrapCredentials, devices, tenants } = this.#stores(process);
    const { kind, id } = credential;
    const attempt = { source: '192.0.2.1', at: this.now, requestId: 'request' };
    const publicKeyDigest = this.keyDigest(key);
    if (kind !== 'batch' && kind !== 'listed') {
      const pairing = kind === 'numeric-pairing-code' ? { pairing: true } : {};
      const sent = { ...attempt, userName: subscriber, passwordHash: id, ...pairing };
      const outcome = await oneTimePasswords.match(sent);
      if (outcome.kind !== 'matched') throw new Refusal('unauthenticated', 'no such password');
      const { publicKeyDigest: spentOn } = outcome.password;
      if (spentOn !== undefined && spentOn !== publicKeyDigest)
        throw new Refusal('unauthenticated', 'spent on another key');
      return { credential: { kind: 'one-time-password', id } };
    }
    const outcome = await bootstrapCredentials.match({ ...attempt, userName: id, secretHash: id });
    if (outcome.kind !== 'matched') throw new Refusal('unauthenticated', 'no such credential');
    const closed = objectionToWindow(outcome.credential, this.now);
    if (closed) throw new Refusal('bootstrap-window-closed', closed);
    const caller = await new RequestKeyAuthenticator(devices, tenants).identify(
      { ...attempt, group: outcome.group, commonName: subscriber, publicKeyDigest },
      { kind: 'bootstrap-credential', id },
    );
    assert.equal(caller.device.id, subscriber);
    const registration = { tenant: caller.tenant.id, group: caller.group.label };
    return { credential: caller.credential, ...(caller.newcomer ? { registration } : {}) };
  }

  /** What the stores say of a credential that a batch shares. */
  async countOf({ id }: Credential): Promise<{ uses: number; usedBy: string[] }> {
    const { bootstrapCredentials } = this.#stores(1);
    const found = (await bootstrapCredentials.find(id)) ?? assert.fail();
    const usedBy = await bootstrapCredentials.uses(id, 1000);
    return {
      uses: found.uses,
      usedBy: usedBy.map(({ device, publicKeyDigest }) => `${device} ${publicKeyDigest}`),
    };
  }

  #stores(process: number): OpenStores {
    return this.#database.processes[process] ?? assert.fail();
  }

  /** The same ledger, that tells what it recorded, and whose process may end before the certificate is recorded. */
  #watched(ledger: IssuanceLedger): IssuanceLedger {
    const recordIntent: IssuanceLedger['recordIntent'] = async (intent) => {
      const outcome = await ledger.recordIntent(intent);
      if (outcome.kind === 'recorded') this.recorded.push(intent);
      if (outcome.kind === 'repeated')
        assert.equal(outcome.record.publicKeyDigest, intent.publicKeyDigest);
      return outcome;
    };
    const recordCertificate: IssuanceLedger['recordCertificate'] = async (
      key,
      der,
      at,
      request,
    ) => {
      if (request === 'crash') throw ended;
      return ledger.recordCertificate(key, der, at, request);
    };
    const own = { recordIntent, recordCertificate };
    return new Proxy(ledger, {
      get: (_, method: keyof IssuanceLedger) =>
        ({ ...own })[method as keyof typeof own] ?? ledger[method],
    });
  }
}

const ended = new Error('the process has ended');
