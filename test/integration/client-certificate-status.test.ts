/**
 * Certificates that did authenticate once: revoked, expired, of a blocked or a removed device. Each request asks anew,
 * also on a connection that was opened in better times.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, type EstAnswer, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

/** An enrolled device with two ways to re-enroll: on one connection that is kept, and on a new one each time. */
class EnrolledDevice {
  readonly id: string;
  readonly certificate: string;
  readonly #server: BestowServer;
  readonly #key: string;
  readonly #request: Buffer;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #ports = new Set<number | undefined>();

  static async enroll(id: string, at = server): Promise<EnrolledDevice> {
    const { key, request } = makeKey();
    const { [id]: password } = await at.passwords([id]);
    const url = `${at.est}/simpleenroll`;
    const answer = await post(url, at.root, request('/'), { user: id, password: password ?? '' });
    return new EnrolledDevice(at, id, certificateOf(answer), key, request(`/CN=${id}`));
  }

  private constructor(
    at: BestowServer,
    id: string,
    certificate: string,
    key: string,
    request: Buffer,
  ) {
    this.#server = at;
    this.id = id;
    this.certificate = certificate;
    this.#key = key;
    this.#request = request;
    this.#agent.on('free', ({ localPort }) => this.#ports.add(localPort));
    after(() => this.#agent.destroy());
  }

  get serialNumber(): string {
    return new X509Certificate(this.certificate).serialNumber;
  }

  reenroll(): Promise<EstAnswer> {
    return this.#post({});
  }

  /** On the same connection as before. */
  async reenrollOnKept(): Promise<EstAnswer> {
    const answer = await this.#post({ agent: this.#agent });
    // The agent takes the connection back a turn after the answer has ended.
    await new Promise(setImmediate);
    assert.equal(this.#ports.size, 1, 'the connection was not kept');
    return answer;
  }

  /** Both ways get the same answer. */
  async assertStatus(expected: number): Promise<void> {
    assert.equal((await this.reenrollOnKept()).status, expected);
    assert.equal((await this.reenroll()).status, expected);
    assert.equal((await this.#post({}, 'simpleenroll')).status, expected);
  }

  #post(options: { agent?: Agent }, operation = 'simplereenroll'): Promise<EstAnswer> {
    const { est, root } = this.#server;
    const credentials = { certificate: this.certificate, key: this.#key };
    return post(`${est}/${operation}`, root, this.#request, { ...credentials, ...options });
  }
}

async function run(...command: string[]): Promise<void> {
  const { exitCode, stderr } = await server.cli(...command);
  assert.equal(exitCode, 0, stderr);
}

test('revoked: refused from the next request on, and the reason is kept', {
  timeout: 60_000,
}, async () => {
  const device = await EnrolledDevice.enroll('revoked');
  const { serialNumber } = device;
  await device.assertStatus(200);
  await run('cert', 'revoke', serialNumber, '--reason', 'keyCompromise');
  await device.assertStatus(403);
  assert.match((await device.reenroll()).body, /revoked \(keyCompromise\)/);
  await run('cert', 'revoke', serialNumber, '--reason', 'superseded');
  assert.match((await device.reenroll()).body, /revoked \(keyCompromise\)/);
});

test('blocked: refused until it is unblocked', { timeout: 60_000 }, async () => {
  const device = await EnrolledDevice.enroll('blocked');
  await device.assertStatus(200);
  const { blocked: password } = await server.passwords(['blocked']);
  await run('device', 'block', 'blocked');
  await device.assertStatus(403);
  const { status } = await post(`${server.est}/simpleenroll`, server.root, makeKey().request('/'), {
    user: 'blocked',
    password,
  });
  assert.equal(status, 403);
  await run('device', 'unblock', 'blocked');
  await device.assertStatus(200);
});

test('removed: refused for good, also when a device of the same name is added', {
  timeout: 60_000,
}, async () => {
  const device = await EnrolledDevice.enroll('removed');
  const { removed: unused } = await server.passwords(['removed']);
  await device.assertStatus(200);
  await run('device', 'remove', 'removed');
  await device.assertStatus(403);
  await run('device', 'add', 'removed');
  await device.assertStatus(403);
  const { status } = await post(`${server.est}/simpleenroll`, server.root, makeKey().request('/'), {
    user: 'removed',
    password: unused,
  });
  assert.equal(status, 401);
  const heir = await EnrolledDevice.enroll('removed');
  await heir.assertStatus(200);
  await device.assertStatus(403);
});

test('expired: refused from its end on, also on a connection opened before', {
  timeout: 60_000,
}, async () => {
  await using shortLived = await BestowServer.start({
    configure: (config) => {
      config.profiles = { device: { validity: '4s' } };
    },
  });
  const device = await EnrolledDevice.enroll('expired', shortLived);
  const end = Date.parse(new X509Certificate(device.certificate).validTo);
  assert.equal((await device.reenrollOnKept()).status, 200);
  assert.ok(Date.now() < end, 'the machine is too slow for this test');
  await eventually(async () => (await device.reenrollOnKept()).status !== 200);
  assert.ok(Date.now() >= end);
  await device.assertStatus(401);
  const reasons = shortLived.logLines({ msg: 'request', status: 401 }).map(({ reason }) => reason);
  for (const reason of reasons) assert.match(String(reason), /has expired/);
});
