/**
 * The extensions of RFC 8295 that serve devices, with curl and openssl: /crls, /eecerts and /pal.
 */

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { withStores } from '../../cli/data.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import type { OpenStores } from '../../storage/stores.ts';
import { BestowServer } from '../support/bestow.ts';
import { type DeviceKey, makeKey, openssl, readText, withFile } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { keyIdentifierOf } from '../support/key-identifier.ts';

const run = promisify(execFile);
const server = await BestowServer.start({
  configure: ({ hsm = {} }) => Object.assign(hsm, { probeInterval: 300, deadline: 1000 }),
});
const directory = mkdtempSync(join(tmpdir(), 'bestow-rfc8295-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const timeout = 60_000;

interface CurlAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** GET unless the arguments say otherwise. */
async function curl(path: string, ...args: string[]): Promise<CurlAnswer> {
  const url = path.startsWith('https:') ? path : `${server.est}/${path}`;
  const { stdout } = await run(
    'curl',
    ['-sS', '-i', '--max-time', '20', '--cacert', server.rootFile, ...args, url],
    { encoding: 'latin1', maxBuffer: 1 << 24 },
  );
  const end = stdout.indexOf('\r\n\r\n');
  const [first = '', ...lines] = stdout.slice(0, end).split('\r\n');
  const headers = lines.map((line) => {
    const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(line) ?? [];
    return [name.toLowerCase(), value];
  });
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(headers),
    body: stdout.slice(end + 4),
  };
}

/** PEM of what a certs-only or crls-only answer holds, as OpenSSL finds it. */
function contentOf({ status, body }: CurlAnswer): string[] {
  assert.equal(status, 200, body);
  const text = openssl(
    ['pkcs7', '-inform', 'DER', '-print_certs'],
    Buffer.from(body, 'base64'),
  ).toString();
  return text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n/g) ?? [];
}

/** A device as its engineer has it: files for curl. */
class Device {
  readonly id: string;
  readonly key: DeviceKey;
  readonly #keyFile: string;
  readonly #requestFile: string;
  /** PEM, the latest. */
  certificate = '';

  static async enroll(id: string, tenant?: string): Promise<Device> {
    const device = new Device(id);
    const password = tenant ? await server.password(id, '--tenant', tenant) : await passwordFor(id);
    await device.post('simpleenroll', '-u', `${id}:${password}`);
    return device;
  }

  private constructor(id: string) {
    this.id = id;
    this.key = makeKey();
    this.#keyFile = join(directory, `${id}.key`);
    this.#requestFile = join(directory, `${id}.b64`);
    writeFileSync(this.#keyFile, this.key.key, { mode: 0o600 });
    writeFileSync(this.#requestFile, this.key.request(`/CN=${id}`).toString('base64'));
  }

  get serialNumber(): string {
    return new X509Certificate(this.certificate).serialNumber;
  }

  /** Makes curl present the certificate. */
  credentials(certificate = this.certificate): string[] {
    const file = join(directory, `${this.id}-${new X509Certificate(certificate).serialNumber}.pem`);
    writeFileSync(file, certificate);
    return ['--cert', file, '--key', this.#keyFile];
  }

  async post(path: string, ...args: string[]): Promise<void> {
    const type = ['-H', 'Content-Type: application/pkcs10'];
    const answer = await curl(path, ...type, '--data-binary', `@${this.#requestFile}`, ...args);
    const [certificate = ''] = contentOf(answer);
    this.certificate = certificate;
  }

  /** @returns the certificate before */
  async reenroll(): Promise<string> {
    const before = this.certificate;
    await this.post('simplereenroll', ...this.credentials());
    return before;
  }
}

// What a command would do, in this process: to start one takes half a second.
const inStores = <T>(work: (stores: OpenStores) => Promise<T>) =>
  withStores({ data: server.data }, work);

async function passwordFor(device: string): Promise<string> {
  return (await server.passwords([device]))[device] ?? assert.fail();
}

async function revoke(serialNumber: string): Promise<void> {
  const issuerId = keyIdentifierOf(readText(join(server.data, 'ca', 'issuing.pem')));
  const order = { reason: 'keyCompromise', at: new Date(), by: 'test' } as const;
  const serial = serialNumber.toLowerCase();
  assert.ok(await inStores(({ ledger }) => ledger.revoke(issuerId, serial, order)));
}

async function addTenant(id: string): Promise<void> {
  const tenant = { id, endpoints: [], label: id };
  await inStores(({ tenants }) => tenants.add(tenant, 'test', new Date()));
}

async function addGroup(label: string, changes: Partial<GroupSettings>): Promise<void> {
  const group = { label, tenant: 'default', settings: { ...defaultSettings, ...changes } };
  await inStores(({ tenants }) => tenants.addGroup(group, 'test', new Date()));
}

async function addDevice(id: string, group: string): Promise<void> {
  const device = { id, tenant: 'default', group, names: [] };
  await inStores(({ devices }) => devices.add(device, 'test', new Date()));
}

async function currentCrl(): Promise<string> {
  const [crl = '', ...more] = contentOf(await curl('crls'));
  assert.match(crl, /^-----BEGIN X509 CRL-----/);
  assert.deepEqual(more, []);
  return crl;
}

const textOf = (crl: string) => openssl(['crl', '-noout', '-text'], crl).toString();
const isListed = (crl: string, serialNumber: string) =>
  textOf(crl).includes(`Serial Number: ${serialNumber}\n`);
const numberOf = (crl: string) => Number(/CRL Number: \n +(\S+)/.exec(textOf(crl))?.[1]);

/** As a relying party judges a device's certificate. @throws Error with OpenSSL's complaint */
function verify(certificate: string, crl: string): void {
  const issuing = readText(join(server.data, 'ca', 'issuing.pem'));
  withFile(`${server.root}${issuing}${crl}`, (file) =>
    openssl(['verify', '-x509_strict', '-crl_check', '-CAfile', file], certificate),
  );
}

const tokens = join(server.data, 'hsm', 'tokens');

test('before there was a CRL and without the HSM: 503, and the list goes without it', {
  timeout,
}, async () => {
  const password = await passwordFor('early');
  renameSync(tokens, `${tokens}-away`);
  try {
    await eventually(() => server.logLines({ msg: 'signer is down' }).length > 0, {
      timeout: 20_000,
    });
    const refused = await curl('crls');
    assert.equal(refused.status, 503);
    assert.match(refused.headers['retry-after'] ?? '', /^[1-9]\d*$/);
    const { status, body } = await curl('pal', '-u', `early:${password}`);
    assert.equal(status, 200);
    assert.deepEqual(typesIn(body), ['0002', '0007']);
  } finally {
    renameSync(`${tokens}-away`, tokens);
  }
  await eventually(async () => (await curl('crls')).status === 200, { timeout: 30_000 });
});

describe('/crls', () => {
  test('holds a CRL of the issuing CA, for anyone', { timeout }, async () => {
    const { status, headers, body } = await curl('crls');
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'application/pkcs7-mime; smime-type=crls-only');
    assert.equal(headers['content-transfer-encoding'], 'base64');
    assert.match(body, /^[A-Za-z0-9+/=\n]+$/);
    const text = textOf(await currentCrl());
    assert.match(text, /Version 2/);
    const days = (name: string) => Date.parse(new RegExp(`${name}: (.*)`).exec(text)?.[1] ?? '');
    assert.equal(days('Next Update') - days('Last Update'), 7 * 86_400_000);
    assert.deepEqual(contentOf(await curl('default/crls')), [await currentCrl()]);
    assert.equal((await curl('nolabel/crls')).status, 404);
  });

  test('shows a revocation at the next request', { timeout }, async () => {
    const device = await Device.enroll('revoked');
    const before = await currentCrl();
    verify(device.certificate, before);
    await revoke(device.serialNumber);
    const crl = await currentCrl();
    assert.ok(!isListed(before, device.serialNumber) && isListed(crl, device.serialNumber));
    assert.match(textOf(crl), /Key Compromise/);
    assert.equal(numberOf(crl), numberOf(before) + 1);
    verify(device.certificate, before);
    assert.throws(() => verify(device.certificate, crl), /certificate revoked/);
  });

  test('shows the certificates of a device that was removed', { timeout }, async () => {
    const device = await Device.enroll('removed');
    const first = await device.reenroll();
    assert.ok(await inStores(({ devices }) => devices.remove('removed', 'test', new Date())));
    const crl = await currentCrl();
    assert.ok(isListed(crl, device.serialNumber));
    assert.ok(isListed(crl, new X509Certificate(first).serialNumber));
    assert.match(textOf(crl), /Cessation Of Operation/);
  });

  test('is cheap to poll: 304 until something is revoked', { timeout }, async () => {
    const device = await Device.enroll('polled');
    const { headers } = await curl('crls');
    const ask = () => curl('crls', '-H', `If-None-Match: ${headers.etag}`);
    assert.equal(headers['cache-control'], 'public, no-cache');
    assert.equal((await ask()).status, 304);
    await revoke(device.serialNumber);
    assert.equal((await ask()).status, 200);
  });

  test('is the same that `bestow ca crl` prints, writes and makes', { timeout }, async () => {
    const device = await Device.enroll('by-command');
    const { stdout } = await server.cli('ca', 'crl');
    assert.equal(stdout, await currentCrl());
    await revoke(device.serialNumber);
    // The command signs beside the running server, which then serves what the command made.
    const file = join(directory, 'bestow.crl');
    const written = await server.cli('ca', 'crl', '--out', file);
    assert.equal(written.exitCode, 0, written.stderr);
    const made = openssl(['crl', '-inform', 'DER', '-in', file]).toString();
    assert.ok(isListed(made, device.serialNumber));
    assert.equal(made, await currentCrl());
    const shown = await server.json<Record<string, unknown>>('ca', 'crl');
    assert.deepEqual(Object.keys(shown), ['number', 'thisUpdate', 'nextUpdate', 'pem']);
    assert.deepEqual([shown.number, shown.pem], [numberOf(made), made]);
    assert.ok(written.stdout.startsWith(`CRL ${shown.number}, valid until ${shown.nextUpdate}`));
  });
});

describe('/eecerts', () => {
  test('holds the good certificates of the caller, and nobody else’s', { timeout }, async () => {
    const device = await Device.enroll('owner');
    await Device.enroll('neighbour');
    const get = async (certificate?: string) =>
      contentOf(await curl('eecerts', ...device.credentials(certificate))).sort();
    const first = device.certificate;
    assert.deepEqual(await get(), [first]);
    await device.reenroll();
    const second = device.certificate;
    assert.deepEqual(await get(first), [first, second].sort());
    assert.deepEqual(await get(second), [first, second].sort());
    await revoke(new X509Certificate(first).serialNumber);
    assert.deepEqual(await get(second), [second]);
    assert.equal((await curl('eecerts', ...device.credentials(first))).status, 403);
    const answer = await curl('default/eecerts', ...device.credentials());
    assert.deepEqual(contentOf(answer), [second]);
    assert.equal(answer.headers['content-type'], 'application/pkcs7-mime; smime-type=certs-only');
    assert.equal(answer.headers['cache-control'], 'no-store');
  });

  test('is for those who come by certificate, under their own label', { timeout }, async () => {
    await addTenant('globex');
    const device = await Device.enroll('labelled');
    const stranger = await Device.enroll('stranger', 'globex');
    const password = await passwordFor('labelled');
    const { status, body } = await curl('eecerts');
    assert.deepEqual([status, body], [401, '']);
    assert.equal((await curl('eecerts', '-u', `labelled:${password}`)).status, 401);
    assert.equal((await curl('globex/eecerts', ...device.credentials())).status, 401);
    assert.equal((await curl('default/eecerts', ...stranger.credentials())).status, 401);
    assert.deepEqual(contentOf(await curl('globex/eecerts', ...stranger.credentials())), [
      stranger.certificate,
    ]);
  });
});

const schema = new URL('../vectors/rfc8295-pal.xsd', import.meta.url).pathname;

/** Fails unless the list is valid XML by the schema of RFC 8295 section 2.1.2. */
function validate(xml: string): void {
  withFile(xml, (file) => {
    // xmllint's complaint is in the error that is thrown.
    execFileSync('xmllint', ['--noout', '--nonet', '--schema', schema, file], { stdio: 'pipe' });
  });
}

interface Message {
  readonly type: string;
  readonly size: number;
  readonly uri: string;
}

function messagesIn(xml: string): Message[] {
  validate(xml);
  const message = /<message><type>(.*)<\/type><size>(.*)<\/size><info><uri>(.*)<\/uri><\/info>/g;
  return [...xml.matchAll(message)].map(([, type = '', size = '', uri = '']) => ({
    type,
    size: Number(size),
    uri,
  }));
}

const typesIn = (xml: string) => messagesIn(xml).map(({ type }) => type);

describe('/pal', () => {
  test('lists what there is for a device, at paths that work, with its label', {
    timeout,
  }, async () => {
    const device = await Device.enroll('lister');
    for (const label of ['', 'default/']) {
      const answer = await curl(`${label}pal`, ...device.credentials());
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/xml');
      assert.equal(answer.headers['cache-control'], 'no-store');
      const messages = messagesIn(answer.body);
      assert.deepEqual(
        messages.map(({ type, uri }) => [type, uri]),
        [
          ['0002', `${server.est}/${label}cacerts`],
          ['0005', `${server.est}/${label}crls`],
          ['0003', `${server.est}/${label}eecerts`],
        ],
      );
      for (const { uri, size } of messages) {
        const found = await curl(uri, ...device.credentials());
        assert.ok(contentOf(found).length > 0);
        assert.equal(Buffer.from(found.body, 'base64').length, size, uri);
      }
    }
  });

  test('comes as XML or JSON, by Accept', { timeout }, async () => {
    const device = await Device.enroll('negotiator');
    const ask = (...accept: string[]) => curl('pal', ...device.credentials(), ...accept);
    const xml = await ask();
    const rows: [accept: string, type: string][] = [
      ['*/*', 'application/xml'],
      ['application/xml', 'application/xml'],
      ['application/json', 'application/json'],
      ['Application/JSON;charset=utf-8', 'application/json'],
      ['application/xml;q=0.1, application/json', 'application/json'],
      ['application/json;q=0.5, application/xml', 'application/xml'],
      ['text/html, application/*;q=0.1', 'application/xml'],
    ];
    for (const [accept, type] of rows) {
      const { headers, body } = await ask('-H', `Accept: ${accept}`);
      assert.equal(headers['content-type'], type, accept);
      assert.equal(headers.vary, 'Accept');
      if (type === 'application/xml') assert.equal(body, xml.body);
      else
        assert.deepEqual(
          JSON.parse(body),
          messagesIn(xml.body).map(({ type, size, uri }) => ({ type, size, info: { uri } })),
        );
    }
    const none = await ask('-H', 'Accept:');
    assert.equal(none.body, xml.body);
    const refused = await ask('-H', 'Accept: text/html');
    assert.equal(refused.status, 406);
    assert.match(refused.body, /^The list comes as application\/xml or application\/json only\./);
  });

  test('names the server as the client does, and nothing that is no name', {
    timeout,
  }, async () => {
    const device = await Device.enroll('caller');
    const ask = (host: string) => curl('pal', ...device.credentials(), '-H', `Host: ${host}`);
    for (const host of ['est.example', 'est.example:8443', '[2001:db8::1]:443']) {
      const [{ uri } = assert.fail()] = messagesIn((await ask(host)).body);
      assert.equal(uri, `https://${host}/.well-known/est/cacerts`);
    }
    for (const host of ['a"><uri>', 'a/b', 'a@b', 'a b', '&amp;', 'a:b'])
      assert.equal((await ask(host)).status, 400, host);
  });

  test('is for those who are known', { timeout }, async () => {
    const device = await Device.enroll('known');
    const { status, body, headers } = await curl('pal');
    assert.deepEqual([status, body], [401, '']);
    assert.match(headers['www-authenticate'] ?? '', /Basic/);
    assert.equal((await curl('pal', '-u', 'known:wrong')).status, 401);
    await addTenant('initech');
    assert.equal((await curl('initech/pal', ...device.credentials())).status, 401);
    await revoke(device.serialNumber);
    assert.equal((await curl('pal', ...device.credentials())).status, 403);
  });

  test('is for those alone whose credential the group accepts', { timeout }, async () => {
    await addGroup('by-certificate', { credentials: 'certificate' });
    await addDevice('without', 'by-certificate');
    const credentials = ['-u', `without:${await passwordFor('without')}`];
    assert.equal((await curl('pal', ...credentials)).status, 401);
    await addGroup('by-both', { credentials: 'both' });
    await addDevice('with-one', 'by-both');
    const one = ['-u', `with-one:${await passwordFor('with-one')}`];
    assert.equal((await curl('pal', ...one)).status, 401);
  });

  test('asks a device with a password to enroll, and does not spend it', { timeout }, async () => {
    const id = 'newcomer';
    const password = await passwordFor(id);
    const credentials = ['-u', `${id}:${password}`];
    const messages = messagesIn((await curl('pal', ...credentials)).body);
    assert.deepEqual(
      messages.map(({ type }) => type),
      ['0002', '0005', '0007'],
    );
    const { uri, size } = messages[2] ?? assert.fail();
    assert.equal(size, 0);
    const request = join(directory, 'newcomer.b64');
    writeFileSync(request, makeKey().request(`/CN=${id}`).toString('base64'));
    const type = ['-H', 'Content-Type: application/pkcs10'];
    const answer = await curl(uri, ...credentials, ...type, '--data-binary', `@${request}`);
    assert.equal(contentOf(answer).length, 1);
    assert.equal((await curl('pal', ...credentials)).status, 401, 'the password is spent');
  });

  test('points at /csrattrs where that says something, before it asks to enroll', {
    timeout,
  }, async () => {
    await addGroup('linked', { linking: 'required' });
    await addDevice('linker', 'linked');
    const { body } = await curl('linked/pal', '-u', `linker:${await passwordFor('linker')}`);
    const messages = messagesIn(body);
    assert.deepEqual(
      messages.map(({ type }) => type),
      ['0002', '0005', '0006', '0007'],
    );
    const { uri, size } = messages[2] ?? assert.fail();
    const attributes = await curl(uri);
    assert.equal(attributes.headers['content-type'], 'application/csrattrs');
    assert.equal(Buffer.from(attributes.body, 'base64').length, size);
  });
});

test('HEAD gets the head of each, and nothing else', { timeout }, async () => {
  const device = await Device.enroll('header');
  for (const path of ['crls', 'eecerts', 'pal', 'default/pal']) {
    const got = await curl(path, ...device.credentials());
    const head = await curl(path, ...device.credentials(), '--head');
    assert.equal(head.status, 200);
    assert.equal(head.body, '');
    for (const name of ['content-type', 'content-length', 'etag', 'cache-control'])
      assert.equal(head.headers[name], got.headers[name], `${path} ${name}`);
    assert.equal(Number(head.headers['content-length']), got.body.length);
  }
  assert.equal((await curl('pal', '--head')).status, 401);
});

test('what else RFC 8295 has is not there', { timeout }, async () => {
  for (const path of ['symmetrickeys', 'firmware', 'tamp']) {
    assert.equal((await curl(path)).status, 404);
    assert.equal((await curl(`default/${path}`)).status, 404);
  }
  for (const path of ['symmetrickeys', 'firmware', 'tamp', 'serverkeygen']) {
    assert.equal((await curl(`${path}/return`, '-d', 'x')).status, 404);
    assert.equal((await curl(`default/${path}/return`, '-d', 'x')).status, 404);
  }
});

test('while the HSM is away the last CRL serves on, and then shows what was revoked', {
  timeout,
}, async () => {
  const device = await Device.enroll('away');
  const before = await currentCrl();
  const outages = () => server.logLines({ msg: 'signer is down' }).length;
  const known = outages();
  renameSync(tokens, `${tokens}-away`);
  try {
    await eventually(() => outages() > known, { timeout: 20_000 });
    await revoke(device.serialNumber);
    assert.equal(await currentCrl(), before);
    const msg = 'no new CRL could be made; the last one serves on';
    await eventually(() => server.logLines({ msg }).length > 0);
  } finally {
    renameSync(`${tokens}-away`, tokens);
  }
  const crl = await eventually(
    async () => {
      const current = await currentCrl();
      return isListed(current, device.serialNumber) && current;
    },
    { timeout: 30_000 },
  );
  assert.equal(numberOf(crl), numberOf(before) + 1);
});

test('in the last third of its life a certificate is to be renewed', { timeout }, async () => {
  const device = await Device.enroll('aged');
  const file = join(server.data, 'bestow.yaml');
  const config = parse(readFileSync(file, 'utf8'));
  // With its five minutes of back-dating, a certificate of two minutes is born in its last third.
  config.profiles = { device: { validity: '2m' } };
  writeFileSync(file, stringify(config));
  await server.stop();
  await server.start();
  const long = await device.reenroll();
  const ask = async (certificate: string) =>
    messagesIn((await curl('default/pal', ...device.credentials(certificate))).body);
  assert.deepEqual(
    (await ask(long)).map(({ type }) => type),
    ['0002', '0005', '0003'],
  );
  const messages = await ask(device.certificate);
  assert.deepEqual(
    messages.map(({ type, size }) => [type, size > 0]),
    [
      ['0002', true],
      ['0005', true],
      ['0010', false],
      ['0003', true],
    ],
  );
  await device.post(messages[2]?.uri ?? '', ...device.credentials());
});
