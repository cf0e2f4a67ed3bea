/** Alternative challenge passwords (RFC 7894): a one-time password and a revocation secret inside the request. */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { RevocationChallenges } from '../../enrollment/revocation-challenge.ts';
import { readSecret } from '../../server/config.ts';
import { assertRefused as assertRefusedBy } from '../support/assert-refused.ts';
import { BestowServer } from '../support/bestow.ts';
import { postBound } from '../support/bound-client.ts';
import { certificateOf, type EstAnswer, post } from '../support/est-client.ts';
import { sequence } from '../support/forged-request.ts';
import { type Asked, ForgingDevice } from '../support/forging-device.ts';
import { enlist } from '../support/registry.ts';

const timeout = 30_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
const assertRefused = assertRefusedBy.bind(undefined, server);

await withStores({ data: server.data }, async ({ tenants }) => {
  const required = { ...defaultSettings, linking: 'required' } as const;
  const groups = { linked: required, elsewhere: defaultSettings };
  for (const [label, settings] of Object.entries(groups))
    await tenants.addGroup({ label, tenant: 'default', settings }, 'test', new Date());
});

let devices = 0;

interface Newcomer {
  readonly device: ForgingDevice;
  readonly password: string;
}

async function newcomer(group = 'default'): Promise<Newcomer> {
  const id = `newcomer-${++devices}`;
  const passwords = await enlist(server, { [id]: { group } });
  return { device: new ForgingDevice(id), password: passwords[id] ?? assert.fail() };
}

const other = ({ id }: ForgingDevice) => new ForgingDevice(id);
const otp = (otpChallenge: string): Asked => ({ challenges: { otpChallenge } });
const ask = (request: Uint8Array, options = {}, path = 'simpleenroll'): Promise<EstAnswer> =>
  post(`${server.est}/${path}`, server.root, request, options);
const basic = ({ device, password }: Newcomer) => ({ user: device.id, password });
const stateOf = async ({ device }: Newcomer) =>
  (
    await withStores({ data: server.data }, ({ oneTimePasswords }) =>
      oneTimePasswords.list({ device: device.id, limit: 10 }),
    )
  ).map(({ state }) => state);

describe('otpChallenge alone', { timeout }, () => {
  test('enrolls once; the same key repeats, another does not', async () => {
    const { device, password } = await newcomer();
    const first = certificateOf(await ask(device.request(otp(password))));
    assert.equal(new X509Certificate(first).subject, `CN=${device.id}`);
    assert.equal(certificateOf(await ask(device.request(otp(password)))), first);
    const stolen = other(device).request(otp(password));
    await assertRefused(await ask(stolen), 401, /spent on another key/);
  });

  test('enrolls under the label of its group, and under no other', async () => {
    const who = await newcomer();
    const request = who.device.request(otp(who.password));
    const elsewhere = await ask(request, {}, 'elsewhere/simpleenroll');
    await assertRefused(elsewhere, 401, /is not in the group elsewhere/);
    assert.deepEqual(await stateOf(who), ['unused']);
    certificateOf(await ask(request, {}, 'default/simpleenroll'));
  });

  test('enrolls a device that leaves its name to the registry', async () => {
    const { device, password } = await newcomer();
    const certificate = certificateOf(
      await ask(device.request({ subject: sequence(), ...otp(password) })),
    );
    assert.equal(new X509Certificate(certificate).subject, `CN=${device.id}`);
  });

  test('is written as it is read aloud', async () => {
    const { device, password } = await newcomer();
    const spoken = password.toLowerCase().replaceAll('-', ' ');
    certificateOf(await ask(device.request(otp(spoken))));
  });

  test('wrong, another device’s or revoked: 401, and the owner’s works still', async () => {
    const [who, victim] = [await newcomer(), await newcomer()];
    const wrong = who.device.request(
      otp(who.password.replace(/.$/, (c) => (c === '0' ? '1' : '0'))),
    );
    await assertRefused(await ask(wrong), 401, /No such one-time password/);
    const stolen = who.device.request(otp(victim.password));
    await assertRefused(await ask(stolen), 401, /another device's/);
    certificateOf(await ask(victim.device.request(otp(victim.password))));
    await withStores({ data: server.data }, async ({ oneTimePasswords }) => {
      const [{ id } = assert.fail()] = await oneTimePasswords.list({
        device: who.device.id,
        limit: 1,
      });
      await oneTimePasswords.revoke(id, 'test', new Date());
    });
    await assertRefused(await ask(who.device.request(otp(who.password))), 401, /is revoked/);
  });

  test('does not make a bad request readable: a stranger is told nothing of it', async () => {
    const { device, password } = await newcomer();
    const request = Buffer.from(device.request(otp(password)));
    request[request.length - 1] = (request.at(-1) ?? 0) ^ 1;
    await assertRefused(await ask(request), 401, /cannot be read: .*not signed by the key/);
    const bare = other(device).request();
    await assertRefused(await ask(bare), 401, /neither a client certificate nor a password/);
  });

  test('is no certificate to renew with', async () => {
    const { device, password } = await newcomer();
    const request = device.request(otp(password));
    await assertRefused(await ask(request, {}, 'simplereenroll'), 401, /client certificate/);
  });

  test('too many failures: 429 with Retry-After, also with the right one', async () => {
    const who = await newcomer();
    for (let i = 0; i < 5; i++)
      await assertRefused(await ask(who.device.request(otp(`wrong ${i}`))), 401, /No such/);
    const paused = await ask(who.device.request(otp(who.password)));
    assert.equal(paused.status, 429);
    assert.match(paused.headers['retry-after'] ?? '', /^\d+$/);
    assert.deepEqual(await stateOf(who), ['unused']);
    const bystander = await newcomer();
    certificateOf(await ask(bystander.device.request(otp(bystander.password))));
  });
});

describe('otpChallenge beside another credential', { timeout }, () => {
  test('HTTP Basic: both must be good, and the same', async () => {
    const who = await newcomer();
    const [second = ''] = Object.values(await server.passwords([who.device.id]));
    const request = who.device.request(otp(second));
    await assertRefused(await ask(request, basic(who)), 401, /different one-time passwords/);
    const wrong = who.device.request(otp('wrong'));
    await assertRefused(await ask(wrong, basic(who)), 401, /No such/);
    const right = who.device.request(otp(who.password));
    const failed = { user: who.device.id, password: 'wrong' };
    await assertRefused(await ask(right, failed), 401, /No such/);
    assert.deepEqual(await stateOf(who), ['unused', 'unused']);
    certificateOf(await ask(right, basic(who)));
    assert.deepEqual((await stateOf(who)).sort(), ['spent', 'unused']);
  });

  test('a client certificate, or whatever else: it must be the same device’s', async () => {
    const [who, stranger] = [await newcomer(), await newcomer()];
    const certificate = certificateOf(await ask(who.device.request(), basic(who)));
    const holder = { certificate, key: who.device.key };
    const [fresh = ''] = Object.values(await server.passwords([who.device.id]));
    for (const path of ['simpleenroll', 'simplereenroll']) {
      const foreign = who.device.request(otp(stranger.password));
      await assertRefused(await ask(foreign, holder, path), 401, /another device's/);
      const wrong = who.device.request(otp('wrong'));
      await assertRefused(await ask(wrong, holder, path), 401, /No such/);
    }
    // A request that names nobody leaves it to the credentials, which then must agree.
    const nameless = other(who.device).request({ subject: sequence(), ...otp(stranger.password) });
    for (const credentials of [holder, { user: who.device.id, password: fresh }])
      await assertRefused(
        await ask(nameless, credentials),
        401,
        /the other credential of newcomer/,
      );
    assert.deepEqual(await stateOf(stranger), ['unused']);
    const renewed = certificateOf(
      await ask(who.device.request(otp(fresh)), holder, 'simplereenroll'),
    );
    assert.notEqual(renewed, certificate);
    assert.deepEqual(await stateOf(who), ['spent', 'spent']);
  });
});

describe('otpChallenge beside linking information: each must hold', { timeout }, () => {
  const linked = (who: Newcomer, { password = who.password, spoil = false } = {}) =>
    postBound(server, 'linked/simpleenroll', {
      request: (binding) => {
        const estIdentityLinking = spoil ? Buffer.alloc(32).toString('base64') : binding;
        const challenges = { estIdentityLinking, otpChallenge: password };
        return who.device.request({ challenges });
      },
    });

  test('both good', async () => {
    certificateOf(await linked(await newcomer('linked')));
  });

  test('good linking, bad password', async () => {
    const answer = await linked(await newcomer('linked'), { password: 'wrong' });
    await assertRefused(answer, 401, /No such/);
  });

  test('bad linking or none, good password: nothing is spent', async () => {
    const who = await newcomer('linked');
    await assertRefused(await linked(who, { spoil: true }), 400, /not the channel binding/);
    const bare = await ask(who.device.request(otp(who.password)));
    await assertRefused(bare, 400, /Linking of identity and proof of possession is required/);
    assert.deepEqual(await stateOf(who), ['unused']);
    certificateOf(await linked(who));
  });

  test('in challengePassword and estIdentityLinking at once', async () => {
    const who = await newcomer('linked');
    const answer = await postBound(server, 'simpleenroll', {
      version: 'TLSv1.2',
      request: (binding) =>
        who.device.request({
          challenges: {
            challengePassword: binding,
            estIdentityLinking: binding,
            otpChallenge: who.password,
          },
        }),
    });
    certificateOf(answer);
  });
});

describe('revocationChallenge', { timeout }, () => {
  const secret = 'the secret that revokes it';

  test('is kept concealed, with the certificate it is for, and is found nowhere', async () => {
    const who = await newcomer();
    const challenges = { otpChallenge: who.password, revocationChallenge: secret };
    certificateOf(await ask(who.device.request({ challenges })));
    const [record, pepper] = await withStores({ data: server.data }, async ({ ledger }, config) => {
      const [first] = await ledger.list({ subscriber: who.device.id, limit: 1 });
      return [first, readSecret(config.pepper, 'pepper')] as const;
    });
    const concealed = record?.revocationChallenge ?? assert.fail();
    const revocationChallenges = new RevocationChallenges(Buffer.from(pepper));
    assert.equal(revocationChallenges.matches(secret, concealed), true);
    assert.equal(revocationChallenges.matches(`${secret}.`, concealed), false);

    const files = readdirSync(server.data).filter((name) => name.startsWith('bestow.db'));
    const stored = Buffer.concat(files.map((name) => readFileSync(join(server.data, name))));
    assert.ok(stored.includes(concealed), 'the database is read');
    const { stdout } = await server.cli('cert', 'show', record?.serialNumber ?? '', '--json');
    assert.match(stdout, /serialNumber/);
    for (const hidden of [secret, who.password, who.password.replaceAll('-', '')]) {
      assert.ok(!stored.includes(hidden));
      assert.ok(!server.log.includes(hidden));
      assert.ok(!stdout.includes(hidden));
    }
    assert.ok(!stdout.includes(concealed));
  });

  test('is no password', async () => {
    const { device, password } = await newcomer();
    const request = device.request({ challenges: { revocationChallenge: password } });
    await assertRefused(await ask(request), 401, /neither a client certificate nor a password/);
  });
});
