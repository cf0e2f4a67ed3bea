/**
 * A server and Bouncy Castle's CMC before it: /fullcmc as a client sees it.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withStores } from '../../cli/data.ts';
import type { NewDevice } from '../../enrollment/device-registry.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import { cmcFailInfos, cmcStatuses } from '../../server/est/cmc/status-info.ts';
import { BestowServer } from './bestow.ts';
import { type CmcAnswer, CmcMessages } from './cmc-messages.ts';
import { certificatesOf, type EstAnswer, type EstRequest, post } from './est-client.ts';
import { enlist } from './registry.ts';

export interface CmcReply extends EstAnswer {
  /** What a Full PKI Response says; absent for any other answer. */
  readonly answer?: CmcAnswer;
}

/** A status in words, such as `failed badIdentity 1 2` or `success 1`. */
export function statusesOf({ status, body, answer }: CmcReply): string[] {
  assert.ok(answer, `no Full PKI Response, but ${status}: ${body}`);
  const nameOf = (names: Readonly<Record<string, number>>, number: number | undefined) =>
    Object.keys(names).filter((name) => names[name] === number);
  return answer.statuses.map(({ status, failInfo, bodyList }) =>
    [...nameOf(cmcStatuses, status), ...nameOf(cmcFailInfos, failInfo), ...bodyList].join(' '),
  );
}

export class FullCmc {
  readonly server: BestowServer;
  readonly cmc: CmcMessages;
  readonly #passwords: Record<string, string> = {};
  /** PEM, by device. */
  readonly #certificates = new Map<string, string>();

  private constructor(server: BestowServer, cmc: CmcMessages) {
    this.server = server;
    this.cmc = cmc;
  }

  /** @param groups of the tenant `default`, by label; @param devices by id */
  static async start(
    groups: Readonly<Record<string, Partial<GroupSettings>>>,
    devices: Readonly<Record<string, Partial<Omit<NewDevice, 'id'>>>>,
  ): Promise<FullCmc> {
    const [server, cmc] = await Promise.all([BestowServer.start(), CmcMessages.start()]);
    const session = new FullCmc(server, cmc);
    try {
      await withStores({ data: server.data }, async ({ tenants }) => {
        await tenants.add({ id: 'other', endpoints: [], label: 'other' }, 'test', new Date());
        for (const [label, settings] of Object.entries(groups))
          await tenants.addGroup(
            { label, tenant: 'default', settings: { ...defaultSettings, ...settings } },
            'test',
            new Date(),
          );
      });
      Object.assign(session.#passwords, await enlist(server, devices));
      await cmc.certificate('issuer', pemToDer(session.issuing));
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
    return session;
  }

  /** The issuing certificate, PEM. */
  get issuing(): string {
    return readFileSync(join(this.server.data, 'ca', 'issuing.pem'), 'utf8');
  }

  /** The one-time password that a device was enlisted with. */
  password(device: string): string {
    const password = this.#passwords[device];
    if (password === undefined) throw new Error(`There is no device ${device}.`);
    return password;
  }

  /** Makes a key under the device's id and enrolls it by /simpleenroll; the certificate has the same name. */
  async enroll(device: string, kind = 'P-256', label?: string): Promise<void> {
    await this.cmc.key(device, kind);
    const request = Buffer.from(await this.cmc.ask('pkcs10', device, `CN=${device}`), 'base64');
    const path = `${this.server.est}${label === undefined ? '' : `/${label}`}/simpleenroll`;
    const password = this.password(device);
    const answer = await post(path, this.server.root, request, { user: device, password });
    assert.equal(answer.status, 200, answer.body);
    const [certificate = ''] = certificatesOf(answer);
    await this.cmc.certificate(device, pemToDer(certificate));
    this.#certificates.set(device, certificate);
  }

  /** Sends a Full PKI Request and has Bouncy Castle read the answer. */
  async send(message: Uint8Array, options: EstRequest = {}, label?: string): Promise<CmcReply> {
    const path = `${this.server.est}${label === undefined ? '' : `/${label}`}/fullcmc`;
    const headers = { 'Content-Type': 'application/pkcs7-mime; smime-type=CMC-request' };
    const reply = await post(path, this.server.root, message, {
      ...options,
      headers: { ...headers, ...options.headers },
    });
    const isFull = /smime-type=CMC-response/.test(reply.headers['content-type'] ?? '');
    return isFull
      ? { ...reply, answer: await this.cmc.answer(Buffer.from(reply.body, 'base64')) }
      : reply;
  }

  /** Makes a message and sends it. */
  async ask(...fields: readonly string[]): Promise<CmcReply> {
    return this.send(await this.cmc.message(...fields));
  }

  /** The TLS client credentials of an enrolled device. */
  async tlsIdentity(device: string): Promise<EstRequest> {
    const certificate = this.#certificates.get(device);
    if (certificate === undefined) throw new Error(`${device} is not enrolled.`);
    return { certificate, key: await this.cmc.privateKey(device) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cmc[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

function pemToDer(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64');
}

/** The certificates of a reply that are the device's, besides those of the CA. */
export function issuedTo(device: string, { answer, ...reply }: CmcReply): X509Certificate[] {
  const all = answer
    ? answer.certificates.map((text) => new X509Certificate(Buffer.from(text, 'base64')))
    : certificatesOf(reply).map((pem) => new X509Certificate(pem));
  return all.filter(({ subject }) => subject === `CN=${device}`);
}
