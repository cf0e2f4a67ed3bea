/**
 * A small world of devices and their certificates, over the real stores: what was done in it is known apart from what CRL
 * and OCSP say, and both are compared.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { CertificatePlan } from '../../ca/certificate-plan.ts';
import { deviceProfile, ocspResponderProfile } from '../../ca/certificate-profile.ts';
import { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { CrlStore } from '../../ca/crl-store.ts';
import { readDer } from '../../ca/der.ts';
import type { IssuanceRecord, RevocationReason } from '../../ca/issuance-ledger.ts';
import { readPublicKey } from '../../ca/key-rules.ts';
import { type OcspCertificate, readOcspCertificate } from '../../ca/ocsp-certificate.ts';
import { OcspResponder } from '../../ca/ocsp-responder.ts';
import { Refusal } from '../../ca/refusal.ts';
import { type OpenStores, openStores } from '../../storage/stores.ts';
import {
  makePlan,
  makePublicKey,
  makeSoftwareCa,
  type SoftwareCa,
} from '../support/software-ca.ts';
import { SoftwareSigner } from '../support/software-signer.ts';

/** What is known of a certificate, or of an intent that never became one. */
export interface Known {
  readonly serialNumber: string;
  readonly device: number;
  readonly key: number;
  readonly notAfter: Date;
  readonly signed: boolean;
  revokedAt?: Date;
  reason?: RevocationReason;
  invalidityDate?: Date;
  /** The one that this takes the place of, until it is used. */
  supersedes?: Known;
}

export const devices = 3;
export const keysPerDevice = 2;
const crlValidity = 1000;
const ocspValidity = 100;

/** Two processes on one database, as a server's workers are. */
export class Database {
  readonly processes: readonly [OpenStores, OpenStores];
  readonly #directory: string;
  /** Goes on from world to world: the audit log knows when it was last written. */
  now = new Date('2030-01-01T00:00:00Z');
  worlds = 0;

  private constructor(directory: string, processes: readonly [OpenStores, OpenStores]) {
    this.#directory = directory;
    this.processes = processes;
  }

  static async open(): Promise<Database> {
    const directory = mkdtempSync(join(tmpdir(), 'bestow-world-'));
    const config = { sqlite: join(directory, 'world.db'), busyTimeout: 2000 };
    const limits = { perCredentialAndSource: 9, perCredential: 9, perSource: 9, windowSeconds: 60 };
    const first = await openStores(config, limits);
    const database = new Database(directory, [first, await openStores(config, limits)]);
    await first.tenants.add({ id: 'acme', endpoints: [], label: 'acme' }, 'test', database.now);
    return database;
  }

  async close(): Promise<void> {
    for (const stores of this.processes) await stores.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The same store, that tells what was stored. */
function watched(store: CrlStore, added: (der: Uint8Array) => void): CrlStore {
  const add: CrlStore['add'] = async (crl) => {
    const first = await store.add(crl);
    if (first) added(crl.der);
    return first;
  };
  return new Proxy(store, {
    get: (_, method: keyof CrlStore) => (method === 'add' ? add : store[method].bind(store)),
  });
}

export class World {
  readonly ca: SoftwareCa;
  readonly certificates: Known[] = [];
  /** Every CRL that was issued, DER, whether anybody was given it or not. */
  readonly crls: Uint8Array[] = [];
  readonly #database: Database;
  readonly #name: string;
  readonly #keys: readonly CertificatePlan['publicKey'][];
  readonly #ocspSigner: SoftwareSigner;
  readonly #ocspCertificate: OcspCertificate;
  #publishers: [CrlPublisher, CrlPublisher];
  readonly #responders: readonly [OcspResponder, OcspResponder];
  readonly #authorities: readonly [CertificateAuthority, CertificateAuthority];

  private constructor(
    database: Database,
    ca: SoftwareCa,
    ocsp: { signer: SoftwareSigner; certificate: OcspCertificate },
  ) {
    this.ca = ca;
    this.#database = database;
    this.#name = `world-${database.worlds}`;
    this.#keys = Array.from({ length: devices * keysPerDevice }, makePublicKey);
    this.#ocspSigner = ocsp.signer;
    this.#ocspCertificate = ocsp.certificate;
    this.#publishers = [this.#publisher(0), this.#publisher(1)];
    this.#responders = [this.#responder(0), this.#responder(1)];
    this.#authorities = [this.#authority(0), this.#authority(1)];
  }

  /** A CA of its own, so that nothing is revoked, and devices without certificates. */
  static async make(database: Database): Promise<World> {
    const [stores] = database.processes;
    const clock = () => database.now;
    const ca = await makeSoftwareCa({ now: clock() });
    const { issuing: issuer } = ca;
    const parts = { issuer, signer: ca.signer, ledger: stores.ledger, serialPrefix: 1, clock };
    const signer = new SoftwareSigner('P-256');
    const publicKey = readPublicKey(readDer(signer.publicKey));
    const plan = makePlan({ profile: ocspResponderProfile, publicKey, endpoints: [] });
    const { certificate } = await new CertificateAuthority(parts).issue(plan);
    database.worlds++;
    const ocsp = { signer, certificate: readOcspCertificate(certificate, issuer) };
    const world = new World(database, ca, ocsp);
    for (let i = 0; i < devices; i++)
      await stores.devices.add({ id: world.#id(i), tenant: 'acme', names: [] }, 'test', clock());
    return world;
  }

  get now(): Date {
    return this.#database.now;
  }

  /** SubjectPublicKeyInfo of who signs OCSP answers. */
  get ocspKey(): Uint8Array {
    return this.#ocspSigner.publicKey;
  }

  pass(milliseconds: number): void {
    this.#database.now = new Date(this.now.getTime() + milliseconds);
  }

  publisher(process: number): CrlPublisher {
    return this.#publishers[process % 2] ?? assert.fail();
  }

  responder(process: number): OcspResponder {
    return this.#responders[process % 2] ?? assert.fail();
  }

  /** As after the end of a process: a publisher that holds nothing. */
  restart(process: number): void {
    this.#publishers[process % 2] = this.#publisher(process);
  }

  /** @param signed whether the process lives long enough to sign what it recorded */
  async issue(
    process: number,
    wanted: { device: number; key: number; seconds: number; signed: boolean },
    renewal: Partial<CertificatePlan> & { old?: Known } = {},
  ): Promise<void> {
    const { device, key, seconds, signed } = wanted;
    const { old, ...changes } = renewal;
    const lost = this.certificates.some(
      (known) => known.key === key && known.reason === 'keyCompromise',
    );
    const plan = makePlan({
      profile: deviceProfile({ validity: `${seconds}s`, endpoints: 'none' }),
      subscriber: this.#id(device),
      publicKey: this.#keys[key] ?? assert.fail(),
      ...changes,
    });
    if (!signed)
      this.ca.signer.onSign = () => {
        throw new Error('the process has ended');
      };
    const outcome = await this.#authorityOf(process)
      .issue(plan)
      .catch((error: unknown) => error);
    this.ca.signer.onSign = () => {};
    if (lost) {
      assert.ok(outcome instanceof Refusal && outcome.code === 'key-compromised', String(outcome));
      return;
    }
    assert.equal(outcome instanceof Error, !signed, String(outcome));
    const { ledger } = this.#stores(process);
    const records = await ledger.list({ subscriber: this.#id(device), limit: 1000 });
    const known = new Set(this.certificates.map(({ serialNumber }) => serialNumber));
    const record = records.find(({ serialNumber }) => !known.has(serialNumber));
    const { serialNumber, notAfter } = record ?? assert.fail('nothing is on record');
    const place = old ? { supersedes: old } : {};
    this.certificates.push({ serialNumber, device, key, notAfter, signed, ...place });
  }

  /** A renewal by a certificate that ends with it, or first when the new one is used. */
  async renew(process: number, old: Known, atOnce: boolean, seconds: number): Promise<void> {
    const { device, key, serialNumber } = old;
    const before = this.certificates.length;
    await this.issue(
      process,
      { device, key, seconds, signed: true },
      { old, supersedes: serialNumber, supersedesAtOnce: atOnce },
    );
    if (atOnce && this.certificates.length > before) this.#expectRevoked([old], 'superseded');
  }

  async use(process: number, used: Known): Promise<void> {
    await this.#stores(process).ledger.supersede(this.ca.issuing.id, used.serialNumber, this.now);
    if (used.supersedes) this.#expectRevoked([used.supersedes], 'superseded');
    delete used.supersedes;
  }

  async revoke(
    process: number,
    known: Known,
    reason: RevocationReason,
    since?: Date,
  ): Promise<void> {
    const order = this.#order(reason, since);
    const { ledger } = this.#stores(process);
    await ledger.revoke(this.ca.issuing.id, known.serialNumber, order);
    this.#expectRevoked([known], reason, since);
  }

  async revokeDevice(process: number, device: number, reason: RevocationReason): Promise<void> {
    const of = { subscriber: this.#id(device) };
    const records = await this.#stores(process).ledger.revokeAll(of, this.#order(reason));
    this.#expectRevokedAll(
      records,
      this.certificates.filter((known) => known.device === device),
      reason,
    );
  }

  async revokeKey(process: number, key: number, reason: RevocationReason): Promise<void> {
    const over = this.certificates.filter((known) => known.key === key);
    const { ledger } = this.#stores(process);
    const [any] = over;
    if (!any) return;
    const record = await ledger.find(this.ca.issuing.id, any.serialNumber);
    const of = { publicKeyDigest: record?.publicKeyDigest ?? assert.fail() };
    this.#expectRevokedAll(await ledger.revokeAll(of, this.#order(reason)), over, reason);
  }

  async release(process: number, known: Known): Promise<void> {
    const held = known.reason === 'certificateHold';
    const order = { at: this.now, by: 'test' };
    const { ledger } = this.#stores(process);
    const outcome = await ledger.release(this.ca.issuing.id, known.serialNumber, order);
    assert.equal(outcome?.released, held);
    if (!held) return;
    delete known.revokedAt;
    delete known.reason;
    delete known.invalidityDate;
  }

  #expectRevokedAll(
    records: readonly IssuanceRecord[],
    known: readonly Known[],
    reason: RevocationReason,
  ): void {
    const serials = (list: readonly { readonly serialNumber: string }[]) =>
      list.map(({ serialNumber }) => serialNumber).sort();
    assert.deepEqual(serials(records), serials(known));
    this.#expectRevoked(known, reason);
  }

  /**
   * A hold can become a revocation, which counts from the beginning of the hold; a revocation stays as it is, but that its key
   * may turn out to be compromised.
   */
  #expectRevoked(list: readonly Known[], reason: RevocationReason, since?: Date): void {
    for (const known of list) {
      const held = known.reason === 'certificateHold' && reason !== 'certificateHold';
      const worse = reason === 'keyCompromise' && known.reason !== reason;
      if (known.revokedAt && !held && !worse) continue;
      known.revokedAt ??= this.now;
      known.reason = reason;
      if (since) known.invalidityDate = since;
    }
  }

  #order(reason: RevocationReason, invalidityDate?: Date) {
    return { reason, at: this.now, by: 'test', ...(invalidityDate ? { invalidityDate } : {}) };
  }

  #id(device: number): string {
    return `${this.#name}-device-${device}`;
  }

  #stores(process: number): OpenStores {
    return this.#database.processes[process % 2] ?? assert.fail();
  }

  #authorityOf(process: number): CertificateAuthority {
    return this.#authorities[process % 2] ?? assert.fail();
  }

  #authority(process: number): CertificateAuthority {
    const { issuing: issuer, signer } = this.ca;
    const { ledger } = this.#stores(process);
    return new CertificateAuthority({
      issuer,
      signer,
      ledger,
      serialPrefix: 1,
      clock: () => this.now,
    });
  }

  #publisher(process: number): CrlPublisher {
    return new CrlPublisher({
      issuer: this.ca.issuing,
      signer: this.ca.signer,
      store: watched(this.#stores(process).crls, (der) => this.crls.push(der)),
      validitySeconds: crlValidity,
      report: (error) => assert.fail(String(error)),
      clock: () => this.now,
    });
  }

  #responder(process: number): OcspResponder {
    return new OcspResponder({
      issuer: this.ca.issuing,
      signer: this.#ocspSigner,
      certificate: this.#ocspCertificate,
      ledger: this.#stores(process).ledger,
      validitySeconds: ocspValidity,
      clock: () => this.now,
    });
  }
}
