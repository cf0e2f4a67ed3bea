/**
 * A registration authority enrolls and renews the devices of its tenant (RFC 7030 section 3.7, RFC 6402 section 2.10), and
 * nobody else does.
 */

import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { assertRefused as assertRefusedBy } from '../support/assert-refused.ts';
import { BestowServer } from '../support/bestow.ts';
import { bindingOf, postBound } from '../support/bound-client.ts';
import {
  call,
  certificateOf,
  certificatesOf,
  type EstAnswer,
  openssl,
  post,
} from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { sequence } from '../support/forged-request.ts';
import { type Asked, ForgingDevice } from '../support/forging-device.ts';
import { assertIssued, verifyAsClient } from '../support/issued-certificate.ts';
import { RawTls } from '../support/raw-tls.ts';
import { auditOf, enlist } from '../support/registry.ts';

const timeout = 30_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

interface Holder {
  readonly certificate: string;
  readonly key: string;
}

const settings = { ...defaultSettings, linking: 'required' } as const;
let passwords: Record<string, string>;
let caCertificates: string;
let ra: Holder;
let plain: Holder;

before(async () => {
  await withStores({ data: server.data }, async ({ tenants }) => {
    const now = new Date();
    await tenants.add({ id: 'globex', endpoints: [], label: 'globex' }, 'test', now);
    await tenants.addGroup({ label: 'linked', tenant: 'default', settings }, 'test', now);
  });
  const role = ['--role', 'registration-authority'];
  const added = await server.json<{ role: string }>('device', 'add', 'ra-1', ...role);
  assert.equal(added.role, 'registration-authority');
  passwords = {
    'ra-1': await server.password('ra-1'),
    ...(await enlist(server, {
      'ra-2': { role: 'registration-authority' },
      'ra-3': { role: 'registration-authority' },
      plain: { names: ['DNS:plain.example'] },
      relayed: { names: ['DNS:relayed.example'] },
      linked: { group: 'linked' },
      'linked-too': { group: 'linked' },
      promoted: {},
      bystander: {},
      blocked: {},
      assisted: {},
      foreign: { tenant: 'globex' },
    })),
  };
  await withStores({ data: server.data }, ({ devices }) =>
    devices.setStatus('blocked', 'blocked', 'test', new Date()),
  );
  const answer = await call(`${server.est}/cacerts`, server.root);
  caCertificates = certificatesOf(answer).join('');
  [ra, plain] = [await holderOf('ra-1'), await holderOf('plain')];
});

/** Enrolls with the one-time password, as every device begins. */
async function holderOf(id: string, asked: Asked = {}): Promise<Holder> {
  const device = new ForgingDevice(id);
  const url = `${server.est}/simpleenroll`;
  const credentials = { user: id, password: passwords[id] ?? assert.fail(id) };
  const answer = await post(url, server.root, device.request(asked), credentials);
  return { certificate: certificateOf(answer), key: device.key };
}

function ask(holder: Holder, request: Uint8Array, path = 'simpleenroll'): Promise<EstAnswer> {
  return post(`${server.est}/${path}`, server.root, request, { ...holder });
}

const assertRefused = assertRefusedBy.bind(undefined, server);

function setRole(id: string, role: string): void {
  using database = new DatabaseSync(`${server.data}/bestow.db`);
  database.exec('pragma busy_timeout = 5000');
  database.prepare('update device set role = ? where id = ?').run(role, id);
}

const purposes = (certificate: string) =>
  openssl(['x509', '-noout', '-ext', 'extendedKeyUsage'], certificate)
    .toString()
    .split('\n')[1]
    ?.trim();
const serialOf = (certificate: string) =>
  openssl(['x509', '-noout', '-serial'], certificate)
    .toString()
    .trim()
    .slice('serial='.length)
    .toLowerCase();

test('the list of devices tells the roles; a group that asks for a password as well takes no such device', {
  timeout,
}, async () => {
  const { stdout } = await server.cli('device', 'list');
  assert.match(stdout, /^ra-1 +default +default +- +registration-authority +active/m);
  assert.match(stdout, /^plain +default +default +- +device +active/m);
  await server.json('group', 'add', 'both', '--credentials', 'both');
  const role = ['--role', 'registration-authority'];
  const refused = await server.cli('device', 'add', 'ra-4', '--group', 'both', ...role);
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /The group both asks for a certificate and a one-time password/);
});

describe('a registration authority', { timeout }, () => {
  test('has a certificate that says so, and nobody gets one by asking', () => {
    verifyAsClient(ra.certificate, caCertificates);
    assert.equal(
      purposes(ra.certificate),
      'TLS Web Client Authentication, CMC Registration Authority',
    );
    assert.equal(purposes(plain.certificate), 'TLS Web Client Authentication');
  });

  test('enrolls a device of its tenant, which then renews by itself; a device that tries gets 403', async () => {
    const device = new ForgingDevice('relayed');
    const request = device.request();
    await assertRefused(
      await ask(plain, request),
      403,
      /not what the registry holds for this device/,
    );
    const certificate = certificateOf(await ask(ra, request));
    assertIssued(certificate, { caCertificates, device: 'relayed', key: device.key });
    assert.equal(purposes(certificate), 'TLS Web Client Authentication');
    const own = { certificate, key: device.key };
    certificateOf(await ask(own, request, 'simplereenroll'));

    const [line] = await eventually(() => {
      const lines = server.logLines({ device: 'relayed', relayedBy: 'ra-1', status: 200 });
      return lines.length > 0 && lines;
    });
    assert.equal(line?.credential, `registration-authority:${serialOf(ra.certificate)}`);
    const shown = await server.json<Record<string, unknown>>('cert', 'show', serialOf(certificate));
    assert.equal(shown.credential, `registration-authority:${serialOf(ra.certificate)}`);
    assert.equal(shown.relayedBy, 'ra-1');
  });

  test('repeats a request whose answer was lost', async () => {
    const request = new ForgingDevice('bystander').request();
    const [first, second] = [await ask(ra, request), await ask(ra, request)];
    assert.equal(certificateOf(second), certificateOf(first));
  });

  test('renews a device’s certificate: the names are compared with that, not with its own', async () => {
    const names = ['DNS:relayed.example'];
    certificateOf(await ask(ra, new ForgingDevice('relayed').request({ names })));
    const device = new ForgingDevice('relayed');
    const renew = (by: Holder, asked: Asked) => ask(by, device.request(asked), 'simplereenroll');
    const certificate = certificateOf(await renew(ra, { names }));
    assertIssued(certificate, { caCertificates, device: 'relayed', key: device.key });
    await assertRefused(
      await renew(ra, {}),
      403,
      /subjectAltName .* is not that of the certificate/,
    );
    await assertRefused(await renew(plain, { names }), 403, /is not that of the certificate/);
    const stranger = new ForgingDevice('linked').request();
    await assertRefused(
      await ask(ra, stranger, 'simplereenroll'),
      403,
      /no valid certificate with the subject/,
    );
  });

  test('renews itself, and stays one', async () => {
    const own = new ForgingDevice('ra-1');
    const certificate = certificateOf(await ask(ra, own.request(), 'simplereenroll'));
    assert.equal(purposes(certificate), purposes(ra.certificate));
    const renewed = { certificate, key: own.key };
    certificateOf(await ask(renewed, new ForgingDevice('plain').request()));
  });

  test('may show the device’s own password, which is spent on that key', async () => {
    const device = new ForgingDevice('assisted');
    const challenges = { otpChallenge: passwords.assisted ?? '' };
    const serialNumber = serialOf(certificateOf(await ask(ra, device.request({ challenges }))));
    const row = auditOf(server, 'certificate.intended').find(
      ({ object }) => object === serialNumber,
    );
    const { credential, relayedBy } = row?.details ?? {};
    assert.equal((credential as { kind: string }).kind, 'one-time-password');
    assert.equal(relayedBy, 'ra-1');
    const other = new ForgingDevice('assisted');
    await assertRefused(await ask(ra, other.request({ challenges })), 401, /spent on another key/);
    const wrong = { otpChallenge: passwords.linked ?? '' };
    await assertRefused(
      await ask(ra, other.request({ challenges: wrong })),
      401,
      /another device's/,
    );
  });
});

describe('linking information that a registration authority relays', { timeout }, () => {
  for (const [version, id] of [
    ['TLSv1.2', 'linked'],
    ['TLSv1.3', 'linked-too'],
  ] as const)
    test(`${version}: is that of another connection, and is waived; from a device it is refused`, async () => {
      using elsewhere = await RawTls.connect({ port: server.port, root: server.root, version });
      const binding = bindingOf(elsewhere.socket);
      const device = new ForgingDevice(id);
      const challenges = { challengePassword: binding, estIdentityLinking: binding };
      const request = () => device.request({ challenges });
      const own = { user: id, password: passwords[id] ?? assert.fail() };
      const refused = await postBound(server, 'linked/simpleenroll', { version, ...own, request });
      await assertRefused(refused, 400, /not the channel binding of this TLS connection/);
      const answer = await postBound(server, 'linked/simpleenroll', { version, ...ra, request });
      const serialNumber = serialOf(certificateOf(answer));
      const [row] = auditOf(server, 'certificate.intended').filter(
        ({ object }) => object === serialNumber,
      );
      const { linking, relayedBy, credential } = row?.details ?? {};
      assert.deepEqual(
        { linking, relayedBy, credential },
        {
          linking: 'waived',
          relayedBy: 'ra-1',
          credential: { kind: 'registration-authority', id: serialOf(ra.certificate) },
        },
      );
    });

  test('may be left out, also where it is required', async () => {
    const serialNumber = serialOf(
      certificateOf(await ask(ra, new ForgingDevice('linked').request())),
    );
    const row = auditOf(server, 'certificate.intended').find(
      ({ object }) => object === serialNumber,
    );
    assert.equal(row?.details.linking, 'waived');
  });

  test('of its own is judged like any other', async () => {
    const own = new ForgingDevice('ra-1');
    const request = () => own.request({ challenges: { challengePassword: 'AAAAAAAAAAAAAAAA' } });
    const answer = await postBound(server, 'simplereenroll', { ...ra, request });
    await assertRefused(answer, 400, /not the channel binding/);
  });
});

describe('a registration authority is refused', { timeout }, () => {
  const requestOf = (id: string, asked: Asked = {}) => new ForgingDevice(id).request(asked);
  const rows: [what: string, request: Uint8Array, path: string, reason: RegExp][] = [
    ["another tenant's device", requestOf('foreign'), 'simpleenroll', /holds no device/],
    ['another registration authority', requestOf('ra-2'), 'simpleenroll', /holds no device/],
    ['a device that is not there', requestOf('nobody'), 'simpleenroll', /holds no device/],
    ['a blocked device', requestOf('blocked'), 'simpleenroll', /is blocked/],
    ['a device of another label', requestOf('relayed'), 'linked/simpleenroll', /holds no device/],
    [
      'a request that names nobody',
      requestOf('relayed', { subject: sequence() }),
      'simpleenroll',
      /must name the device/,
    ],
    [
      'a name that the registry does not hold',
      requestOf('relayed', { names: ['DNS:plain.example'] }),
      'simpleenroll',
      /does not hold the names/,
    ],
  ];
  for (const [what, request, path, reason] of rows)
    test(what, async () => assertRefused(await ask(ra, request, path), 403, reason));

  test("another tenant's label", async () => {
    const answer = await ask(ra, requestOf('foreign'), 'globex/simpleenroll');
    await assertRefused(answer, 401, /does not belong to the group globex/);
  });

  test('with its password instead of its certificate', async () => {
    const credentials = { user: 'ra-3', password: passwords['ra-3'] ?? '' };
    const url = `${server.est}/simpleenroll`;
    const answer = await post(url, server.root, requestOf('relayed'), credentials);
    await assertRefused(answer, 403, /not what the registry holds for this device/);
  });

  test('with the role, but a certificate from before', async () => {
    const holder = await holderOf('promoted');
    setRole('promoted', 'registration-authority');
    await assertRefused(
      await ask(holder, requestOf('relayed')),
      403,
      /not what the registry holds/,
    );
    const own = new ForgingDevice('promoted');
    const certificate = certificateOf(await ask(holder, own.request()));
    certificateOf(await ask({ certificate, key: own.key }, requestOf('relayed')));
  });

  test('with the certificate, but no longer the role; blocked; registered anew', async () => {
    const holder = await holderOf('ra-2');
    certificateOf(await ask(holder, requestOf('relayed')));
    setRole('ra-2', 'device');
    await assertRefused(
      await ask(holder, requestOf('relayed')),
      403,
      /not what the registry holds/,
    );
    await assertRefused(
      await ask(holder, requestOf('relayed'), 'linked/simpleenroll'),
      401,
      /not belong/,
    );
    const own = new ForgingDevice('ra-2');
    const demoted = certificateOf(await ask(holder, own.request(), 'simplereenroll'));
    assert.equal(purposes(demoted), 'TLS Web Client Authentication');
    setRole('ra-2', 'registration-authority');
    certificateOf(await ask(holder, requestOf('relayed')));
    await withStores({ data: server.data }, ({ devices }) =>
      devices.setStatus('ra-2', 'blocked', 'test', new Date()),
    );
    await assertRefused(await ask(holder, requestOf('relayed')), 403, /ra-2 is blocked/);
    await withStores({ data: server.data }, async ({ devices }) => {
      await devices.remove('ra-2', 'test', new Date());
      const anew = {
        id: 'ra-2',
        tenant: 'default',
        names: [],
        role: 'registration-authority',
      } as const;
      await devices.add(anew, 'test', new Date());
    });
    await assertRefused(await ask(holder, requestOf('relayed')), 403, /is revoked/);
  });
});
