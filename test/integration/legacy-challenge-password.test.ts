/**
 * Old clients that send their secret in challengePassword, as with SCEP: a mode of a group, and of no other. RFC 7030
 * section 3.5 gives that attribute to linking information.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { assertRefused as assertRefusedBy } from '../support/assert-refused.ts';
import { BestowServer } from '../support/bestow.ts';
import { postBound } from '../support/bound-client.ts';
import {
  call,
  certificateOf,
  type EstAnswer,
  openssl,
  post,
  withFile,
} from '../support/est-client.ts';
import { ForgingDevice } from '../support/forging-device.ts';
import { auditOf, enlist } from '../support/registry.ts';

const timeout = 30_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
const assertRefused = assertRefusedBy.bind(undefined, server);

before(async () => {
  await withStores({ data: server.data }, ({ tenants }) => {
    const group = { label: 'old', tenant: 'default', settings: defaultSettings };
    return tenants.addGroup(group, 'test', new Date());
  });
  const legacy = ['--linking', 'off', '--challenge-password', 'one-time-password'];
  const { settings } = await server.json<{ settings: Record<string, unknown> }>(
    'group',
    'set',
    'old',
    ...legacy,
  );
  assert.equal(settings.challengePassword, 'one-time-password');
});

let devices = 0;

async function newcomer(group = 'old') {
  const id = `old-${++devices}`;
  const passwords = await enlist(server, { [id]: { group } });
  return { device: new ForgingDevice(id), password: passwords[id] ?? assert.fail() };
}

const ask = (request: Uint8Array, path = 'simpleenroll', options = {}): Promise<EstAnswer> =>
  post(`${server.est}/${path}`, server.root, request, options);
const failures = () => auditOf(server, 'authentication.failed').length;
const stateOf = async ({ id }: ForgingDevice) =>
  (
    await withStores({ data: server.data }, ({ oneTimePasswords }) =>
      oneTimePasswords.list({ device: id, limit: 10 }),
    )
  ).map(({ state }) => state);

describe('a password in challengePassword', { timeout }, () => {
  for (const path of ['simpleenroll', 'old/simpleenroll'])
    test(`enrolls once by /${path}; the same key repeats, another does not`, async () => {
      const { device, password: challengePassword } = await newcomer();
      const request = device.request({ challenges: { challengePassword } });
      const first = certificateOf(await ask(request, path));
      assert.equal(certificateOf(await ask(request, path)), first);
      const stolen = new ForgingDevice(device.id).request({ challenges: { challengePassword } });
      await assertRefused(await ask(stolen, path), 401, /spent on another key/);
      const [row] = auditOf(server, 'certificate.intended').slice(-1);
      assert.equal(row?.details.linking, 'absent');
    });

  test('as OpenSSL writes it', async () => {
    const { device, password } = await newcomer();
    const config = [
      ...['[req]', 'prompt=no', 'distinguished_name=subject', 'attributes=attributes'],
      ...['[subject]', `CN=${device.id}`, '[attributes]', `challengePassword=${password}`],
    ].join('\n');
    const request = withFile(config, (file) =>
      withFile(device.key, (key) =>
        openssl(['req', '-new', '-key', key, '-config', file, '-outform', 'DER']),
      ),
    );
    certificateOf(await ask(request));
  });

  test('wrong or another device’s: 401, counted, and in the end 429', async () => {
    const [{ device, password }, victim] = [await newcomer(), await newcomer()];
    const send = (challengePassword: string) =>
      ask(device.request({ challenges: { challengePassword } }));
    const before = failures();
    await assertRefused(await send(victim.password), 401, /another device's/);
    for (let i = 1; i < 5; i++) await assertRefused(await send('wrong'), 401, /No such/);
    assert.equal(failures(), before + 5);
    assert.equal((await send(password)).status, 429);
    assert.deepEqual(await stateOf(victim.device), ['unused']);
  });

  test('beside HTTP Basic: both must be the same', async () => {
    const { device, password } = await newcomer();
    const basic = { user: device.id, password };
    const [second = ''] = Object.values(await server.passwords([device.id]));
    const requestWith = (challengePassword: string) =>
      device.request({ challenges: { challengePassword } });
    const different = await ask(requestWith(second), 'simpleenroll', basic);
    await assertRefused(different, 401, /different one-time passwords/);
    await assertRefused(await ask(requestWith('wrong'), 'simpleenroll', basic), 401, /No such/);
    certificateOf(await ask(requestWith(password), 'simpleenroll', basic));
  });

  test('and in otpChallenge: both must agree', async () => {
    const { device, password } = await newcomer();
    const send = (challengePassword: string, path = 'simpleenroll') =>
      ask(device.request({ challenges: { challengePassword, otpChallenge: password } }), path);
    for (const path of ['simpleenroll', 'old/simpleenroll'])
      await assertRefused(await send('wrong', path), 400, /different one-time passwords/);
    assert.deepEqual(await stateOf(device), ['unused']);
    certificateOf(await send(password));
  });

  test('beside the certificate, in a renewal: a new one is spent', async () => {
    const { device, password } = await newcomer();
    const certificate = certificateOf(
      await ask(device.request({ challenges: { challengePassword: password } })),
    );
    const holder = { certificate, key: device.key };
    const [fresh = ''] = Object.values(await server.passwords([device.id]));
    const renew = (challengePassword: string) =>
      ask(device.request({ challenges: { challengePassword } }), 'simplereenroll', holder);
    await assertRefused(await renew('wrong'), 401, /No such/);
    certificateOf(await renew(fresh));
    assert.deepEqual(await stateOf(device), ['spent', 'spent']);
    certificateOf(await ask(device.request(), 'simplereenroll', holder));
  });
});

describe('a device of another group', { timeout }, () => {
  for (const [path, status, reason] of [
    ['simpleenroll', 401, /takes no password in challengePassword/],
    ['default/simpleenroll', 401, /neither a client certificate nor a password/],
    ['old/simpleenroll', 401, /is not in the group old/],
  ] as const)
    test(`is refused by /${path}, and spends nothing`, async () => {
      const { device, password } = await newcomer('default');
      const request = device.request({ challenges: { challengePassword: password } });
      await assertRefused(await ask(request, path), status, reason);
      assert.deepEqual(await stateOf(device), ['unused']);
      certificateOf(await ask(device.request(), 'simpleenroll', { user: device.id, password }));
    });

  test('with the same text in both carriers: it is no linking information', async () => {
    const { device, password } = await newcomer('default');
    const challenges = { challengePassword: password, otpChallenge: password };
    const answer = await ask(device.request({ challenges }));
    await assertRefused(answer, 400, /not the channel binding/);
    assert.deepEqual(await stateOf(device), ['unused']);
  });
});

describe('linking information', { timeout }, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    test(`${version}: of a client without credentials is no failed password`, async () => {
      const { device, password } = await newcomer('default');
      const before = failures();
      const request = (binding: string) =>
        device.request({ challenges: { challengePassword: binding } });
      for (const path of ['simpleenroll', 'default/simpleenroll', 'old/simpleenroll'])
        await assertRefused(
          await postBound(server, path, { version, request }),
          401,
          /neither a client certificate nor a password/,
        );
      assert.equal(failures(), before);
      const known = { user: device.id, password, version, request };
      certificateOf(await postBound(server, 'simpleenroll', known));
    });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    test(`${version}: of a known client of that group is to be left out, and is no failed password`, async () => {
      const { device, password } = await newcomer();
      const before = failures();
      const post = async (path: string, shown: object, otpChallenge?: string) => {
        const request = (challengePassword: string) =>
          device.request({
            challenges: { challengePassword, ...(otpChallenge ? { otpChallenge } : {}) },
          });
        const answer = await postBound(server, path, { version, ...shown, request });
        await assertRefused(answer, 400, /carries challengePassword, .*leave it out/);
      };
      const basic = { user: device.id, password };
      for (const path of ['simpleenroll', 'old/simpleenroll']) await post(path, basic);
      await post('simpleenroll', {}, password);
      assert.deepEqual(await stateOf(device), ['unused']);
      const certificate = certificateOf(await ask(device.request(), 'simpleenroll', basic));
      await post('simplereenroll', { certificate, key: device.key });
      assert.equal(failures(), before);
    });

  test('of another connection may be a password, and counts as a wrong one', async () => {
    const { device } = await newcomer('default');
    const before = failures();
    const challenges = { challengePassword: Buffer.alloc(32).toString('base64') };
    await assertRefused(await ask(device.request({ challenges })), 401, /No such/);
    assert.equal(failures(), before + 1);
  });

  test('is not taken in the newer carrier either, where linking is off', async () => {
    const { device, password } = await newcomer();
    const answer = await postBound(server, 'old/simpleenroll', {
      request: (binding) =>
        device.request({
          challenges: { challengePassword: password, estIdentityLinking: binding },
        }),
    });
    await assertRefused(answer, 400, /estIdentityLinking, which cannot be verified here/);
    assert.deepEqual(await stateOf(device), ['unused']);
  });

  test('is not announced in that group', async () => {
    const { status, body } = await call(`${server.est}/old/csrattrs`, server.root);
    assert.ok(
      status === 204 ||
        !Buffer.from(body, 'base64').includes(Buffer.from('2a864886f70d010907', 'hex')),
    );
  });
});
