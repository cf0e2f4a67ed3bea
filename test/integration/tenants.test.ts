/**
 * Two tenants on one server: every credential of each, at every label and every operation. What is good for one tenant gets
 * nothing from the other, and the refusal does not tell who else there is.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import type { NewDevice } from '../../enrollment/device-registry.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import { BestowServer } from '../support/bestow.ts';
import { CmcMessages } from '../support/cmc-messages.ts';
import {
  call,
  certificatesOf,
  type EstAnswer,
  type EstRequest,
  post,
} from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { FactoryCa } from '../support/factory-ca.ts';
import { ForgingDevice } from '../support/forging-device.ts';
import { enlist } from '../support/registry.ts';

const timeout = 60_000;
const tenants = ['acme', 'globex'] as const;
type TenantId = (typeof tenants)[number];
const otherThan = (tenant: TenantId): TenantId => (tenant === 'acme' ? 'globex' : 'acme');

/** The groups of each tenant, by the end of their label. */
const groups: Readonly<Record<string, Partial<GroupSettings>>> = {
  a: { serverKeys: 'platform', serverKeyDelivery: 'plain-allowed', cmcSharedSecret: true },
  b: { serverKeys: 'platform', serverKeyDelivery: 'plain-allowed', cmcSharedSecret: true },
  made: { identity: 'factory-certificate', possession: 'none' },
  open: { identity: 'registered', possession: 'none', trust: 'first-use' },
};
const labelsOf = (tenant: TenantId) => Object.keys(groups).map((end) => `${tenant}-${end}`);
const labels = tenants.flatMap(labelsOf);

const generous = { perCredentialAndSource: 1e6, perCredential: 1e6, perSource: 1e6 };
const maker = new FactoryCa();
const [server, cmc] = await Promise.all([
  BestowServer.start({
    configure: (config) => {
      config.est = { ...config.est, failures: generous };
    },
  }),
  CmcMessages.start(),
]);
after(async () => {
  cmc[Symbol.dispose]();
  maker[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

let passwords: Record<string, string>;
/** Who has a certificate of ours, by id. */
const holders = new Map<string, EstRequest & { readonly device: ForgingDevice }>();

before(async () => {
  await withStores({ data: server.data }, async (stores) => {
    const now = new Date();
    for (const id of tenants) {
      await stores.tenants.add({ id, endpoints: [], label: `${id}-a` }, 'test', now);
      await stores.tenants.changeSettings(`${id}-a`, groups.a ?? {}, 'test', now);
      for (const [end, changes] of Object.entries(groups).slice(1)) {
        const settings = { ...defaultSettings, ...changes };
        await stores.tenants.addGroup({ label: `${id}-${end}`, tenant: id, settings }, 'test', now);
      }
    }
  });
  const trust = ['--anchor', maker.anchorFile, '--serial-from', 'subject:serialNumber'];
  const added = await server.cli('manufacturer', 'add', 'maker', ...trust);
  assert.equal(added.exitCode, 0, added.stderr);
  passwords = await enlist(server, Object.fromEntries(tenants.flatMap(withPassword)));
  await withStores({ data: server.data }, async ({ devices }) => {
    for (const device of tenants.flatMap(withoutPassword))
      assert.equal((await devices.add(device, 'test', new Date())).kind, 'added');
  });
  for (const tenant of tenants)
    for (const id of [`${tenant}-a-held`, `${tenant}-b-held`, `${tenant}-ra`]) await hold(id);
});

function withPassword(tenant: TenantId) {
  const a = { tenant, group: `${tenant}-a` };
  const b = { tenant, group: `${tenant}-b` };
  return Object.entries({
    [`${tenant}-a-new`]: a,
    [`${tenant}-b-new`]: b,
    [`${tenant}-b-spare`]: b,
    [`${tenant}-a-held`]: a,
    [`${tenant}-b-held`]: b,
    [`${tenant}-ra`]: { ...a, role: 'registration-authority' as const },
  });
}

function withoutPassword(tenant: TenantId): NewDevice[] {
  const factory = { manufacturer: 'maker', serialNumber: `SN-${tenant}` };
  return [
    { id: `${tenant}-made`, tenant, group: `${tenant}-made`, names: [], ...factory },
    { id: `${tenant}-open`, tenant, group: `${tenant}-open`, names: [] },
  ];
}

/** Enrolls with the one-time password, and keeps key and certificate for Bouncy Castle too. */
async function hold(id: string): Promise<void> {
  const device = new ForgingDevice(id);
  await cmc.key(id, 'P-256');
  const credentials = { user: id, password: passwords[id] ?? assert.fail(id) };
  const request = Buffer.from(await cmc.ask('pkcs10', id, `CN=${id}`), 'base64');
  const answer = await post(`${server.est}/simpleenroll`, server.root, request, credentials);
  assert.equal(answer.status, 200, answer.body);
  const [certificate = ''] = certificatesOf(answer);
  await cmc.certificate(id, derOf(certificate));
  holders.set(id, { certificate, key: await cmc.privateKey(id), device });
}

const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64');
const holderOf = (id: string) => holders.get(id) ?? assert.fail(id);

/** How a credential is shown, and for whom it asks. */
interface Showing {
  readonly what: string;
  readonly tenant: TenantId;
  /** Labels where it may enroll, and where it is told of itself. */
  readonly home: readonly string[];
  readonly told: readonly string[];
  readonly shown: () => EstRequest;
  /** For whom; what its key is kept under, where it signs CMC itself. */
  readonly subject: string;
  readonly signer?: string;
  readonly secret?: string;
}

const enrolling = ['simpleenroll', 'simplereenroll', 'serverkeygen', 'fullcmc'];
const telling = ['eecerts', 'pal'];
const operations = [...enrolling, ...telling];

function showings(tenant: TenantId): Showing[] {
  const foreign = otherThan(tenant);
  const ra = `${tenant}-ra`;
  const all = labelsOf(tenant);
  const [a, b, made] = [`${tenant}-a`, `${tenant}-b`, `${tenant}-made`];
  const bySecret = (id: string, home: string): Showing => ({
    ...{ what: `${id} by one-time password`, tenant, subject: id, home: [home], told: [home] },
    ...{ secret: id, shown: () => ({ user: id, password: passwords[id] ?? '' }) },
  });
  const byOwn = (signer: string, home: readonly string[], told = home): Showing => ({
    ...{ what: `${signer} by its certificate`, tenant, subject: signer, signer, home, told },
    shown: () => holderOf(signer),
  });
  // What is told is about the authority itself, whomever it asks for besides.
  const byRa = (subject: string, home: readonly string[]): Showing => ({
    ...{ ...byOwn(ra, home, all), what: `${ra} for ${subject}`, subject },
  });
  return [
    bySecret(`${a}-new`, a),
    byOwn(`${b}-held`, [b]),
    byOwn(ra, all),
    byRa(`${a}-held`, [a]),
    byRa(`${foreign}-a-held`, []),
    byRa(`${foreign}-ra`, []),
    {
      ...{ what: `${made} by factory certificate`, tenant, subject: made, home: [made], told: [] },
      shown: () => factoryOf(`SN-${tenant}`),
    },
  ];
}

const factoryDevices = new Map<string, EstRequest>();
function factoryOf(serial: string): EstRequest {
  const known = factoryDevices.get(serial);
  if (known) return known;
  const { chainFile, keyFile } = maker.device(serial);
  const shown = {
    certificate: readFileSync(chainFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
  };
  factoryDevices.set(serial, shown);
  return shown;
}

/** Connections are kept by what is shown on them. */
const agent = new Agent({ keepAlive: true });
after(() => agent.destroy());

const pathOf = (label: string | undefined, operation: string) =>
  `${server.est}${label === undefined ? '' : `/${label}`}/${operation}`;

/** A new key for each request: none is a repetition of another, and no key is anybody's yet. */
async function ask(
  {
    shown: show,
    subject,
    signer,
    secret,
  }: Pick<Showing, 'shown' | 'subject' | 'signer' | 'secret'>,
  operation: string,
  label: string | undefined,
): Promise<EstAnswer> {
  const url = pathOf(label, operation);
  const shown = () => ({ ...show(), agent });
  if (operation === 'eecerts' || operation === 'pal') return call(url, server.root, shown());
  if (operation !== 'fullcmc')
    return post(url, server.root, new ForgingDevice(subject).request(), shown());
  await cmc.key('fresh', 'P-256');
  const sent = secret
    ? ['self=fresh', `identification=${secret}`, `secret=${passwords[secret] ?? 'unknown'}`]
    : [signer === undefined ? 'self=fresh' : `signer=${signer},${signer}`];
  const message = await cmc.message(...sent, `pkcs10=1,fresh,CN=${subject}`, 'nonce=01');
  const headers = { 'Content-Type': 'application/pkcs7-mime; smime-type=CMC-request' };
  const own = secret || signer ? { agent } : shown();
  return post(url, server.root, message, { ...own, headers });
}

/** What an answer tells, but for what every answer has of its own. */
function tells({ status, headers, body }: EstAnswer, ...names: string[]) {
  const { date, 'x-request-id': id, 'content-length': length, ...rest } = headers;
  assert.ok(date && length);
  const full = /CMC-response/.test(headers['content-type'] ?? '');
  const text = names.reduce((told, name) => told.replaceAll(name, 'NAME'), body);
  return { status, headers: rest, body: full ? 'signed anew' : text.replaceAll(String(id), 'ID') };
}

/** Of the ledger, how many are on record for whom. */
function issuedTo(): Record<string, number> {
  using database = new DatabaseSync(`${server.data}/bestow.db`, { readOnly: true });
  const rows = database
    .prepare(
      'select subscriber, count(*) as n from issuance where subscriber is not null group by 1',
    )
    .all();
  return Object.fromEntries(rows.map(({ subscriber, n }) => [String(subscriber), Number(n)]));
}

describe('each credential', { timeout }, () => {
  for (const showing of tenants.flatMap(showings)) {
    test(`${showing.what}: gets nothing at any other label`, async () => {
      const before = issuedTo();
      for (const operation of operations) {
        const good = telling.includes(operation) ? showing.told : showing.home;
        for (const label of labels.filter((each) => !good.includes(each))) {
          const { status, body } = await ask(showing, operation, label);
          // A group that makes no keys has no such path at all.
          const refused = operation === 'serverkeygen' ? [401, 403, 404] : [401, 403];
          assert.ok(refused.includes(status), `${operation} at ${label}: ${status} ${body}`);
        }
      }
      assert.deepEqual(issuedTo(), before);
    });

    if (showing.home.length > 0)
      test(`${showing.what}: gets a certificate at its own`, async () => {
        const { subject } = showing;
        const before = issuedTo()[subject] ?? 0;
        const { status, body } = await ask(showing, 'simpleenroll', showing.home[0]);
        assert.equal(status, 200, body);
        if (showing.signer)
          assert.equal((await ask(showing, 'fullcmc', showing.home[0])).status, 200);
        assert.equal(issuedTo()[subject], before + (showing.signer ? 2 : 1));
      });
    else
      test(`${showing.what}: gets nothing where no label is called either`, async () => {
        const before = issuedTo();
        for (const operation of enrolling) {
          const { status, body } = await ask(showing, operation, undefined);
          assert.equal(status, 403, `${operation}: ${body}`);
        }
        assert.deepEqual(issuedTo(), before);
      });
  }
});

describe('whether a device is there is not told', { timeout }, () => {
  const [label, own] = ['acme-a', 'globex'] as const;

  test('by a password, good or not, at another tenant’s label', async () => {
    const id = `${own}-a-new`;
    for (const operation of ['simpleenroll', 'serverkeygen', 'pal']) {
      const sent = (user: string, password: string) =>
        ask({ shown: () => ({ user, password }), subject: user }, operation, label);
      const nobody = tells(await sent('nobody', 'unknown'), 'nobody');
      assert.equal(nobody.status, 401);
      for (const password of [passwords[id] ?? assert.fail(), 'wrong'])
        assert.deepEqual(tells(await sent(id, password), id), nobody, operation);
    }
  });

  test('by a factory certificate', async () => {
    for (const at of [`${otherThan(own)}-made`, 'acme-a']) {
      const sent = (serial: string) =>
        ask({ shown: () => factoryOf(serial), subject: 'x' }, 'simpleenroll', at);
      const nobody = tells(await sent('SN-nobody'), 'SN-nobody');
      assert.deepEqual(tells(await sent(`SN-${own}`), `SN-${own}`), nobody);
    }
  });

  test('to a registration authority, wherever it asks and whatever else it shows', async () => {
    const shown = () => holderOf(`${otherThan(own)}-ra`);
    const foreign = [`${own}-a-held`, `${own}-ra`, `${own}-b-new`];
    for (const at of [undefined, 'acme-a', 'acme-b', 'globex-a'])
      for (const operation of ['simpleenroll', 'simplereenroll', 'serverkeygen'])
        for (const otpChallenge of at === 'acme-b' ? [undefined] : [undefined, 'wrong']) {
          const sent = (id: string) => {
            const challenges = otpChallenge === undefined ? {} : { otpChallenge };
            const request = new ForgingDevice(id).request({ challenges });
            return post(pathOf(at, operation), server.root, request, { ...shown(), agent });
          };
          const nobody = tells(await sent('nobody'), 'nobody');
          assert.ok([401, 403].includes(nobody.status));
          for (const id of foreign)
            assert.deepEqual(tells(await sent(id), id), nobody, `${operation} at ${at}`);
        }
  });

  test('where devices come without any credential', async () => {
    const sent = (id: string) =>
      ask({ shown: () => ({}), subject: id }, 'simpleenroll', 'acme-open');
    const nobody = tells(await sent('nobody'), 'nobody');
    assert.equal(nobody.status, 403);
    for (const id of [`${own}-open`, `${own}-a-held`, 'acme-a-held', 'acme-ra'])
      assert.deepEqual(tells(await sent(id), id), nobody, id);
  });
});

describe('what contradicts itself in the database', { timeout }, () => {
  function change(statement: string, ...values: string[]): void {
    using database = new DatabaseSync(`${server.data}/bestow.db`);
    database.exec('pragma busy_timeout = 5000; pragma foreign_keys = off');
    assert.equal(database.prepare(statement).run(...values).changes, 1);
  }
  const showing = (id: string) => ({ shown: () => holderOf(id), subject: id });

  async function assertRefused(answer: EstAnswer, code: string, reason: RegExp): Promise<void> {
    assert.ok([401, 403].includes(answer.status), `${answer.status} ${answer.body}`);
    const requestId = answer.headers['x-request-id'];
    const [line] = await eventually(() => {
      const lines = server.logLines({ msg: 'request', requestId });
      return lines.length > 0 && lines;
    });
    assert.equal(line?.refusal, code);
    assert.match(String(line?.reason), reason);
  }

  test('a group that is another tenant’s than its device: nobody is known by it', async () => {
    const id = 'acme-b-held';
    const set = (tenant: string) =>
      change('update device_group set tenant = ? where label = ?', tenant, 'acme-b');
    set('globex');
    for (const operation of operations)
      await assertRefused(
        await ask(showing(id), operation === 'fullcmc' ? 'pal' : operation, undefined),
        'unauthenticated',
        /The group acme-b of device acme-b-held is tenant globex's/,
      );
    const byPassword = bySecret('acme-b-spare');
    await assertRefused(
      await ask(byPassword, 'simpleenroll', undefined),
      'unauthenticated',
      /The group acme-b of device acme-b-spare is tenant globex's/,
    );
    set('acme');
    assert.equal((await ask(showing(id), 'simplereenroll', undefined)).status, 200);
  });

  const bySecret = (id: string) => ({
    shown: () => ({ user: id, password: passwords[id] ?? assert.fail(id) }),
    subject: id,
  });

  test('a group that names a profile of the CA’s own keys: nothing is issued by it', async () => {
    const settings = (profile: string) =>
      JSON.stringify({ ...defaultSettings, ...groups.b, profile });
    const set = (profile: string) =>
      change('update device_group set settings = ? where label = ?', settings(profile), 'acme-b');
    for (const profile of ['tls-server', 'registration-authority']) {
      set(profile);
      for (const operation of ['simpleenroll', 'simplereenroll', 'serverkeygen'])
        await assertRefused(
          await ask(showing('acme-b-held'), operation, undefined),
          'profile-not-permitted',
          /is not for a device such as acme-b-held/,
        );
    }
    set('device');
    assert.equal((await ask(showing('acme-b-held'), 'simpleenroll', undefined)).status, 200);
  });

  test('an issuer that is another tenant’s: it issues nothing for this one', async () => {
    await withStores({ data: server.data }, async ({ caState }) => {
      const { version, state } = await caState.load();
      const issuers = state.issuers.map((issuer) => ({ ...issuer, tenant: 'acme' }));
      const change = { at: new Date(), by: 'test', action: 'issuer.changed', object: 'main' };
      assert.ok(await caState.save(version, { ...state, issuers }, change as never));
    });
    await eventually(
      async () => (await ask(showing('globex-a-held'), 'simpleenroll', undefined)).status === 403,
    );
    for (const operation of ['simpleenroll', 'simplereenroll', 'serverkeygen'])
      await assertRefused(
        await ask(showing('globex-a-held'), operation, 'globex-a'),
        'issuer-not-permitted',
        /The issuer main issues nothing for devices of the group globex-a/,
      );
    assert.equal((await ask(showing('acme-a-held'), 'simpleenroll', 'acme-a')).status, 200);
  });
});
