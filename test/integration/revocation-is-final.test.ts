/**
 * What no longer authenticates does so at no worker from the next request on, also on connections that were opened before;
 * and no other credential revives it.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, makeKey, post } from '../support/est-client.ts';
import { KeptConnections } from '../support/kept-connections.ts';

const timeout = 60_000;
const workers = 2;
const server = await BestowServer.start({
  configure: (config) =>
    Object.assign(config.est ?? {}, { workers, limits: { keepAliveTimeout: 60_000 } }),
});
after(() => server[Symbol.asyncDispose]());

async function run(...command: string[]): Promise<void> {
  const { exitCode, stderr } = await server.cli(...command);
  assert.equal(exitCode, 0, stderr);
}

/** A device with a connection to each worker, on which it was known a moment ago. */
async function connected(id: string): Promise<KeptConnections> {
  return (await KeptConnections.enroll(server, id)).open(workers);
}

/** No command suspends a tenant yet. */
function suspendTenant(suspended: boolean): void {
  using database = new DatabaseSync(join(server.data, 'bestow.db'));
  database.exec('pragma busy_timeout = 5000');
  database.prepare('update tenant set suspended = ?').run(Number(suspended));
}

describe('the very next request, on a kept connection to each worker', { timeout }, () => {
  const revoke = (device: KeptConnections, reason: string) =>
    run('cert', 'revoke', device.serialNumber, '--reason', reason);

  test('revoked', async () => {
    const device = await connected('revoked');
    await revoke(device, 'cessationOfOperation');
    await device.assertAnswered(403, /revoked \(cessationOfOperation\)/);
  });

  test('its key compromised', async () => {
    const device = await connected('leaked');
    const digest = await server.json<{ publicKeyDigest: string }>(
      ...['cert', 'show', device.serialNumber],
    );
    const order = ['--reason', 'keyCompromise', '--key', digest.publicKeyDigest];
    await run('cert', 'revoke', ...order);
    await device.assertAnswered(403, /revoked \(keyCompromise\)/);
  });

  test('on hold, and released again', async () => {
    const device = await connected('held');
    await revoke(device, 'certificateHold');
    await device.assertAnswered(403, /on hold/);
    await run('cert', 'release', device.serialNumber);
    await device.assertAnswered(200);
  });

  test('its device blocked, and unblocked again', async () => {
    const device = await connected('blocked');
    await run('device', 'block', 'blocked');
    await device.assertAnswered(403, /blocked is blocked/);
    await run('device', 'unblock', 'blocked');
    await device.assertAnswered(200);
  });

  test('its tenant suspended, and active again', async () => {
    const device = await connected('suspended');
    suspendTenant(true);
    await device.assertAnswered(403, /Tenant default is suspended/);
    suspendTenant(false);
    await device.assertAnswered(200);
  });

  test('superseded: the new one was used', async () => {
    await run('group', 'set', 'default', '--revoke-old', 'after-new-is-used');
    const device = await connected('renewed');
    const [answer = assert.fail()] = await device.ask();
    const { id, key } = device;
    const successor = new KeptConnections(server, id, key, certificateOf(answer));
    await device.assertAnswered(200);
    await successor.open(workers);
    await device.assertAnswered(403, /revoked \(superseded\)/);
    await successor.assertAnswered(200);
    await run('group', 'set', 'default', '--revoke-old', 'never');
  });
});

describe('no credential revives', { timeout }, () => {
  let device: KeptConnections;
  before(async () => {
    device = await connected('lost');
    await run('cert', 'revoke', '--device', 'lost', '--reason', 'keyCompromise');
  });
  const enroll = async (
    { key, request = key.request('/') }: { key: ReturnType<typeof makeKey>; request?: Buffer },
    withCertificate: boolean,
  ) => {
    const { lost: password } = await server.passwords(['lost']);
    const shown = withCertificate ? { certificate: device.certificate, key: device.key.key } : {};
    const credentials = { user: 'lost', password, ...shown };
    return post(`${server.est}/simpleenroll`, server.root, request, credentials);
  };

  for (const withCertificate of [false, true]) {
    const beside = withCertificate ? ' beside the revoked certificate' : '';
    test(`a compromised key: not a fresh one-time password${beside}`, async () => {
      const { status, body } = await enroll(device, withCertificate);
      assert.equal(status, 403);
      assert.match(body, /key was reported as compromised/);
      await device.assertAnswered(403, /revoked \(keyCompromise\)/);
    });

    test(`the certificate: not a fresh one-time password for another key${beside}`, async () => {
      const key = makeKey();
      const certificate = certificateOf(await enroll({ key }, withCertificate));
      await device.assertAnswered(403, /revoked \(keyCompromise\)/);
      const heir = new KeptConnections(server, 'lost', key, certificate);
      await heir.open(1);
      await heir.assertAnswered(200);
      // Nor can the heir have the key certified that was lost.
      for (const { status, body } of await heir.ask(device.renewal())) {
        assert.equal(status, 403);
        assert.match(body, /key was reported as compromised/);
      }
    });
  }

  test('the certificate: not re-enrollment, with whichever key', async () => {
    for (const { status } of await device.ask(device.renewal(makeKey()))) assert.equal(status, 403);
    for (const { status } of await device.ask(device.renewal(makeKey()), 'simpleenroll'))
      assert.equal(status, 403);
  });

  test('the certificate: not a release, nor another reason', async () => {
    const { exitCode, stderr } = await server.cli('cert', 'release', device.serialNumber);
    assert.equal(exitCode, 5);
    assert.match(stderr, /revoked for good \(keyCompromise\); only a hold can be undone/);
    await run('cert', 'revoke', device.serialNumber, '--reason', 'certificateHold');
    assert.equal((await server.cli('cert', 'release', device.serialNumber)).exitCode, 5);
    await run('device', 'block', 'lost');
    await run('device', 'unblock', 'lost');
    await device.assertAnswered(403, /revoked \(keyCompromise\)/);
  });

  test('the certificate: not its key in a new one, where that may still be certified', async () => {
    const old = await connected('moved');
    await run('cert', 'revoke', old.serialNumber, '--reason', 'affiliationChanged');
    const again = await KeptConnections.enroll(server, 'moved', old.key);
    await again.open(1);
    await again.assertAnswered(200);
    await old.assertAnswered(403, /revoked \(affiliationChanged\)/);
  });
});
