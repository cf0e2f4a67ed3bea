/** A device of an edge site comes with nothing but its name: its first key is its own. The device is curl and OpenSSL. */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { makeOneTimePassword } from '../../enrollment/one-time-password.ts';
import { BestowServer } from '../support/bestow.ts';
import { type CurlDevice, curlDevice } from '../support/curl-device.ts';
import { auditOf } from '../support/registry.ts';

describe('trust on first use', () => {
  let server: BestowServer;
  let device: CurlDevice;
  before(async () => {
    server = await BestowServer.start();
    device = curlDevice(server);
    const added = await server.cli('group', 'add', 'edge', '--template', 'edge-first-use');
    assert.equal(added.exitCode, 0, added.stderr);
    await server.json('group', 'add', 'elsewhere', '--template', 'edge-first-use');
    await withStores({ data: server.data }, async ({ devices }) => {
      for (const id of ['gw-1', 'gw-2', 'gw-3', 'gw-4', 'gw-5'])
        await devices.add({ id, tenant: 'default', group: 'edge', names: [] }, 'test', new Date());
    });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    device[Symbol.dispose]();
  });

  test('an expected device gets its certificate with its first key, and renews by it', async () => {
    const key = device.key();
    const request = device.request(key, '/CN=gw-1');
    const issued = await device.enroll('edge/simpleenroll', request);
    assert.equal(issued.status, 200, issued.body);
    const certificate = device.certificateIn(issued);
    assert.equal(new X509Certificate(certificate).subject, 'CN=gw-1');
    const again = await device.enroll('edge/simpleenroll', request);
    assert.equal(device.certificateIn(again), certificate, 'a lost answer');

    const next = device.key();
    const renewal = device.request(next, '/CN=gw-1');
    const renewed = await device.enroll('edge/simplereenroll', renewal, { key, certificate });
    assert.equal(renewed.status, 200, renewed.body);
    const old = await device.enroll('edge/simpleenroll', request);
    assert.equal(old.status, 403, 'by the key before');
    assert.equal((await device.enroll('edge/simpleenroll', renewal)).status, 200);
  });

  test('a second device on a pinned identity is refused and reported, until an operator says otherwise', async () => {
    const first = device.request(device.key(), '/CN=gw-2');
    assert.equal((await device.enroll('edge/simpleenroll', first)).status, 200);
    const second = device.request(device.key(), '/CN=gw-2');
    for (let attempt = 0; attempt < 2; attempt++) {
      const refused = await device.enroll('edge/simpleenroll', second);
      assert.equal(refused.status, 403);
      assert.match(
        refused.body,
        /came with another key before.*bestow device reset-key gw-2.*request/s,
      );
    }
    const reports = auditOf(server, 'device.foreign-key').filter(({ object }) => object === 'gw-2');
    assert.equal(reports.length, 1);
    const shown = await server.json<{ foreignKey?: string }>('device', 'show', 'gw-2');
    assert.match(shown.foreignKey ?? '', /^[0-9a-f]{64}$/);
    await server.json('device', 'reset-key', 'gw-2');
    assert.equal((await device.enroll('edge/simpleenroll', second)).status, 200);
    assert.equal((await device.enroll('edge/simpleenroll', first)).status, 403);
  });

  test('a certificate that was revoked is not given anew, until an operator says otherwise', async () => {
    const request = device.request(device.key(), '/CN=gw-5');
    const issued = await device.enroll('edge/simpleenroll', request);
    const { serialNumber } = new X509Certificate(device.certificateIn(issued));
    const revoked = await server.cli('cert', 'revoke', serialNumber.toLowerCase());
    assert.equal(revoked.exitCode, 0, revoked.stderr);
    const refused = await device.enroll('edge/simpleenroll', request);
    assert.equal(refused.status, 403);
    assert.match(refused.body, /gw-5 was revoked.*bestow device reset-key gw-5.*request/s);
    await server.json('device', 'reset-key', 'gw-5');
    assert.equal((await device.enroll('edge/simpleenroll', request)).status, 200);
  });

  test('who is not expected there gets nothing, and neither does who says nothing', async () => {
    const sent: [path: string, subject: string, status: number, says: RegExp][] = [
      [
        'edge/simpleenroll',
        '/CN=stranger',
        403,
        /expects no device of that name; `bestow device add`/,
      ],
      ['elsewhere/simpleenroll', '/CN=gw-3', 403, /expects no device of that name/],
      ['edge/simpleenroll', '/', 403, /says by the CN/],
      ['edge/simpleenroll', '/CN=gw-3/serialNumber=1', 403, /not what the registry holds/],
      // Without a label nobody knows which group would take it.
      ['simpleenroll', '/CN=gw-3', 401, /^$/],
      ['default/simpleenroll', '/CN=gw-3', 401, /^$/],
    ];
    for (const [path, subject, status, says] of sent) {
      const answer = await device.enroll(path, device.request(device.key(), subject));
      assert.equal(answer.status, status, `${path} ${subject}: ${answer.body}`);
      assert.match(answer.body, says);
    }
    const { device: untouched } = (await withStores({ data: server.data }, ({ devices }) =>
      devices.find('gw-3'),
    )) ?? { device: undefined };
    assert.equal(untouched?.firstKey, undefined, 'a refused request pins nothing');
  });

  test('a password is no way in where none is given', async () => {
    const refused = await server.cli('otp', 'create', '--device', 'gw-4');
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /devices of group edge come with no password/);
    assert.match(refused.stderr, /group set edge --template one-time-password/);
    const user = ['gw-4', makeOneTimePassword()] as const;
    const request = device.request(device.key(), '/CN=gw-4');
    const answer = await device.enroll('edge/simpleenroll', request, { user });
    assert.equal(answer.status, 403);
  });

  test('a new device is not registered for a password that its group would not take', async () => {
    await server.json('tenant', 'add', 'plant');
    for (const [template, says] of [
      ['edge-first-use', /come with no password/],
      ['sticker', /come with pairing codes alone.*`bestow pair`/],
    ] as const) {
      await server.json('group', 'set', 'plant', '--template', template);
      const refused = await server.cli('otp', 'create', '--device', 'new-1', '--tenant', 'plant');
      assert.equal(refused.exitCode, 2, refused.stderr);
      assert.match(refused.stderr, says);
    }
    assert.equal((await server.cli('device', 'show', 'new-1')).exitCode, 3, 'nobody expects it');
    await server.json('group', 'set', 'plant', '--template', 'one-time-password');
    const made = await server.cli('otp', 'create', '--device', 'new-1', '--tenant', 'plant');
    assert.equal(made.exitCode, 0, made.stderr);
  });

  test('a blocked device gets nothing by any key', async () => {
    await server.json('device', 'block', 'gw-4');
    const request = device.request(device.key(), '/CN=gw-4');
    const refused = await device.enroll('edge/simpleenroll', request);
    assert.equal(refused.status, 403);
    assert.match(refused.body, /gw-4 is blocked/);
  });
});
