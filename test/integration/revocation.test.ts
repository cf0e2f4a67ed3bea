/**
 * What an operator takes back, and gives back: certificates revoked, held and released by serial number, device and key;
 * each counts at the next request, also on a connection that is open, and on the next CRL.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, type DeviceKey, makeKey, openssl, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 60_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

interface Revoked {
  readonly serialNumber: string;
  readonly revokedAt?: string;
  readonly revocationReason?: string;
  readonly invalidityDate?: string;
}

/** A device, and one connection that it keeps for all that it asks with a certificate. */
class EnrolledDevice {
  readonly id: string;
  readonly key: DeviceKey;
  certificate: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #ports = new Set<number | undefined>();

  constructor(id: string, key: DeviceKey, certificate: string) {
    this.id = id;
    this.key = key;
    this.certificate = certificate;
    this.#agent.on('free', ({ localPort }) => this.#ports.add(localPort));
    after(() => this.#agent.destroy());
  }

  get serialNumber(): string {
    return new X509Certificate(this.certificate).serialNumber;
  }

  async renew(request = this.key.request(`/CN=${this.id}`)): Promise<string> {
    const credentials = { certificate: this.certificate, key: this.key.key, agent: this.#agent };
    const answer = await post(`${server.est}/simplereenroll`, server.root, request, credentials);
    // The agent takes the connection back a turn after the answer has ended.
    await new Promise(setImmediate);
    return answer.status === 200 ? certificateOf(answer) : `${answer.status} ${answer.body}`;
  }

  /** One answer each on the kept connection: neither a new one nor another certificate can be the reason. */
  async assertKnown(known: boolean, reason = /on hold/): Promise<void> {
    assert.match(await this.renew(), known ? /^-----BEGIN CERTIFICATE/ : reason);
    assert.equal(this.#ports.size, 1, 'the connection was not kept');
  }
}

async function enroll(id: string, key = makeKey()): Promise<EnrolledDevice> {
  const { [id]: password = '' } = await server.passwords([id]);
  const url = `${server.est}/simpleenroll`;
  const answer = await post(url, server.root, key.request('/'), { user: id, password });
  return new EnrolledDevice(id, key, certificateOf(answer));
}

async function run(...command: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await server.cli(...command);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

async function failing(exitCode: number, ...command: string[]): Promise<string> {
  const result = await server.cli(...command);
  assert.equal(result.exitCode, exitCode, result.stdout);
  return result.stderr;
}

/** What curl fetches and openssl reads: the entries of the CRL, by serial number. */
function listed(): Map<string, string> {
  const fetched = execFileSync('curl', [
    '-fsS',
    '--cacert',
    server.rootFile,
    `${server.est}/crls`,
  ]).toString();
  const pem = openssl(['pkcs7', '-inform', 'DER', '-print_certs'], Buffer.from(fetched, 'base64'));
  const issuing = join(server.data, 'ca', 'issuing.pem');
  const text = openssl(['crl', '-noout', '-text', '-CAfile', issuing], pem).toString();
  const entries = text.split(/Serial Number: /).slice(1);
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('\n')), entry]));
}

describe('a hold', { timeout }, () => {
  test('counts at the next request and on the next CRL, and so does its release', async () => {
    const device = await enroll('held');
    const { serialNumber } = device;
    await device.assertKnown(true);
    const said = await run('cert', 'revoke', serialNumber, '--reason', 'certificateHold');
    assert.match(said, /is on hold since .* \(certificateHold\)\.\n$/);
    await device.assertKnown(false);
    assert.match(listed().get(serialNumber) ?? '', /Reason Code: \n +Certificate Hold\n/);
    assert.match(await run('cert', 'show', serialNumber), /status: +on hold\n/);
    await run('cert', 'release', serialNumber);
    await device.assertKnown(true);
    assert.equal(listed().has(serialNumber), false);
    assert.match(await failing(5, 'cert', 'release', serialNumber), /is not on hold/);
  });

  test('can become a revocation, which nothing undoes', async () => {
    const device = await enroll('lost');
    const { serialNumber } = device;
    await run('cert', 'revoke', serialNumber, '--reason', 'certificateHold');
    const held = listed().get(serialNumber) ?? '';
    await run('cert', 'revoke', serialNumber, '--reason', 'keyCompromise');
    const revoked = listed().get(serialNumber) ?? '';
    assert.match(revoked, /Key Compromise/);
    // Not good since its hold began.
    assert.equal(/Revocation Date.*/.exec(revoked)?.[0], /Revocation Date.*/.exec(held)?.[0]);
    assert.match(await failing(5, 'cert', 'release', serialNumber), /revoked for good/);
    await run('cert', 'revoke', serialNumber, '--reason', 'certificateHold');
    assert.match(listed().get(serialNumber) ?? '', /Key Compromise/);
    await device.assertKnown(false, /revoked \(keyCompromise\)/);
  });
});

test('a certificate is not to be trusted since the time that is said', { timeout }, async () => {
  const { serialNumber } = await enroll('leaked');
  const order = ['cert', 'revoke', serialNumber, '--reason', 'keyCompromise', '--at'];
  const { invalidityDate } = await server.json<Revoked>(...order, '2026-01-31T13:00:00+01:00');
  assert.equal(invalidityDate, '2026-01-31T12:00:00.000Z');
  const entry = listed().get(serialNumber) ?? '';
  assert.match(entry, /Key Compromise\n +Invalidity Date: \n +Jan 31 12:00:00 2026 GMT/);
});

test('all certificates of a device, and of no other', { timeout }, async () => {
  const [device, other] = [await enroll('stolen'), await enroll('kept')];
  await device.assertKnown(true);
  const order = ['cert', 'revoke', '--device', 'stolen', '--reason', 'cessationOfOperation'];
  const records = await server.json<Revoked[]>(...order);
  assert.equal(records.length, 2);
  assert.ok(records.every((record) => record.revocationReason === 'cessationOfOperation'));
  await device.assertKnown(false, /revoked \(cessationOfOperation\)/);
  await other.assertKnown(true);
  const serials = [...listed().keys()];
  for (const { serialNumber } of records) assert.ok(serials.includes(serialNumber.toUpperCase()));
  assert.match(
    await failing(3, 'cert', 'revoke', '--device', 'nobody'),
    /no certificate of nobody/,
  );
});

test('all certificates over a key that leaked', { timeout }, async () => {
  const device = await enroll('leaking');
  const other = await enroll('sound');
  const file = join(server.data, 'run', 'leaked.key');
  writeFileSync(file, device.key.key, { mode: 0o600 });
  const order = ['cert', 'revoke', '--reason', 'keyCompromise', '--key'];
  const records = await server.json<Revoked[]>(...order, file);
  assert.deepEqual(
    records.map(({ serialNumber }) => serialNumber.toUpperCase()),
    [device.serialNumber],
  );
  assert.equal(listed().has(other.serialNumber), false);
  await device.assertKnown(false, /revoked \(keyCompromise\)/);
  assert.match(await failing(3, ...order, '00'.repeat(32)), /no certificate over this key/);
});

test('a renewed certificate ends when the new one is used, where the group says so', {
  timeout,
}, async () => {
  await run('group', 'set', 'default', '--revoke-old', 'after-new-is-used');
  const device = await enroll('renewing');
  const old = device.serialNumber;
  const request = device.key.request('/CN=renewing');
  const renewed = await device.renew(request);
  // The answer was lost: the device has the old certificate only, and gets the same answer again.
  assert.equal(await device.renew(request), renewed);
  assert.equal(listed().has(old), false);
  const successor = new EnrolledDevice('renewing', device.key, renewed);
  await successor.assertKnown(true);
  assert.match(listed().get(old) ?? '', /Superseded/);
  await device.assertKnown(false, /revoked \(superseded\)/);
  await successor.assertKnown(true);
  await run('group', 'set', 'default', '--revoke-old', 'never');
});

test('a clock that is behind the audit log issues nothing until it is right', {
  timeout,
}, async () => {
  const key = makeKey();
  const { late: password } = await server.passwords(['late']);
  const ask = () => {
    const url = `${server.est}/simpleenroll`;
    return post(url, server.root, key.request('/'), { user: 'late', password });
  };
  const database = new DatabaseSync(join(server.data, 'bestow.db'));
  const future = new Date(Date.now() + 3_600_000).toISOString();
  database
    .prepare(
      `insert into audit_log (at, actor, action, object, details) values (?, 'a', 'b', 'c', '{}')`,
    )
    .run(future);
  database.close();
  await eventually(async () => (await ask()).status === 503);
  const { headers, body } = await ask();
  assert.equal(headers['retry-after'], '300');
  assert.match(body, /does not issue at this time/);
  assert.match(server.log, new RegExp(`ClockRefused.*audit log has an entry of ${future}`));
  const { exitCode, stdout } = await server.cli('doctor');
  assert.equal(exitCode, 12);
  assert.match(stdout, /^critical clock: .*no certificate is issued -> .*accept-clock/m);
  await run('ca', 'accept-clock');
  assert.equal((await ask()).status, 200);
});
