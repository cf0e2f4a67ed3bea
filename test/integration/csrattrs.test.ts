/**
 * /csrattrs by the book: an engineer fetches it with curl, reads it with openssl, does what it says and gets a certificate;
 * whoever leaves something out is told so in the words of the announcement.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import { BouncyCastle } from '../support/bouncy-castle.ts';
import { call, certificateOf, makeKey, openssl, post } from '../support/est-client.ts';
import { extension, extensionRequest, oidOf, sequence } from '../support/forged-request.ts';
import { ForgingDevice } from '../support/forging-device.ts';
import { enlist } from '../support/registry.ts';

const run = promisify(execFile);
const timeout = 30_000;
const server = await BestowServer.start();
const directory = mkdtempSync(join(tmpdir(), 'bestow-csrattrs-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const at = (file: string) => join(directory, file);
/** The certificate that device-1 enrolls in the course of this file. */
const identity = ['--cert', at('enrolled.pem'), '--key', at('P-384.key')];

const parts = 'commonName,serialNumber,subjectAltName,keyUsage,extKeyUsage,revocationChallenge';
const keys = ['--key-types', 'P-384,RSA-3072', '--signature-hashes', 'sha384'];
await server.json('group', 'add', 'strict', '--require', parts, ...keys);
const names = ['--serial-number', '42', '--name', 'DNS:a.example'];
await server.json('device', 'add', 'device-1', '--group', 'strict', ...names);
const password = await server.password('device-1');
for (const kind of ['P-384', 'P-256'] as const) writeFileSync(at(`${kind}.key`), makeKey(kind).key);

/** The body alone. */
async function curl(path: string, ...args: string[]): Promise<string> {
  const options = ['-sS', '--cacert', server.rootFile, ...args];
  return (await run('curl', [...options, `${server.est}/${path}`])).stdout;
}

interface Line {
  readonly depth: number;
  readonly type: string;
  readonly value: string;
}

/** What `openssl asn1parse` prints. */
function asn1parse(body: string): Line[] {
  const der = openssl(['base64', '-d', '-A'], body.replaceAll('\n', ''));
  const printed = openssl(['asn1parse', '-inform', 'DER'], der).toString();
  return Array.from(
    printed.matchAll(
      /^ *\d+:d=(\d+) +hl=\d+ +l= *\d+ \w+: +([A-Z]+( [A-Z]+)*|cont \[ \d \])( *)(.*)$/gm,
    ),
    ([, depth, type = '', , , rest = '']) => ({
      depth: Number(depth),
      type,
      value: rest.replace(/^(\[HEX DUMP\])?:/, ''),
    }),
  );
}

const templateType = '1.2.840.113549.1.9.16.2.61';
/** An OpenSSL configuration, by section; each entry is named by what it says. */
type Configuration = Record<'dn' | 'exts' | 'attrs', Record<string, string>>;
/** How OpenSSL's configuration names what asn1parse prints, and what a device puts in. */
const own: Record<string, [section: keyof Configuration, entry: string]> = {
  commonName: ['dn', 'commonName = device-1'],
  serialNumber: ['dn', 'serialNumber = 42'],
  'X509v3 Subject Alternative Name': ['exts', 'subjectAltName = DNS:a.example'],
  'X509v3 Key Usage': ['exts', '2.5.29.15 = critical,DER:'],
  'X509v3 Extended Key Usage': ['exts', '2.5.29.37 = DER:'],
  '1.2.840.113549.1.9.16.2.57': ['attrs', '1.2.840.113549.1.9.16.2.57 = a secret of the device'],
};

/** Reads the list, up to the template. */
function configurationFor(lines: readonly Line[]): Configuration {
  const configuration: Configuration = { dn: {}, exts: {}, attrs: {} };
  const end = lines.findIndex(({ value }) => value === templateType);
  for (const [i, { type, value }] of lines.slice(0, end).entries()) {
    const [section, entry] = (type === 'OBJECT' && own[value]) || [];
    if (!section || !entry) continue;
    const octets = lines.slice(i, i + 3).find((line) => line.type === 'OCTET STRING')?.value;
    configuration[section][value] = entry.endsWith('DER:') ? `${entry}${octets}` : entry;
  }
  return configuration;
}

/** Leaves a request, base64, in a file. */
function request(configuration: Configuration, kind: 'P-384' | 'P-256' = 'P-384', hash = 'sha384') {
  const { dn, exts, attrs } = configuration;
  const file = at('request.cnf');
  const isSaid = (section: Record<string, string>) => Object.keys(section).length > 0;
  const lines = [
    '[req]\nprompt = no\ndistinguished_name = dn',
    ...(isSaid(attrs) ? ['attributes = attrs'] : []),
    ...(isSaid(exts) ? ['req_extensions = exts'] : []),
    ...Object.entries(configuration).flatMap(([name, entries]) => [
      `[${name}]`,
      ...Object.values(entries),
    ]),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const options = ['-config', file, '-key', at(`${kind}.key`), `-${hash}`, '-outform', 'DER'];
  const der = openssl(['req', '-new', ...options, ...(isSaid(dn) ? [] : ['-subj', '/'])]);
  writeFileSync(at('request.b64'), der.toString('base64'));
}

/** Posts it with curl. */
async function enroll(operation = 'simpleenroll', ...credentials: string[]) {
  const shown = credentials.length > 0 ? credentials : ['-u', `device-1:${password}`];
  const body = ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${at('request.b64')}`];
  const answer = await curl(`strict/${operation}`, ...shown, ...body, '-w', '\n%{http_code}');
  const end = answer.lastIndexOf('\n');
  return { status: Number(answer.slice(end + 1)), body: answer.slice(0, end) };
}

const answer = await curl('strict/csrattrs');
const lines = asn1parse(answer);
const complete = configurationFor(lines);

test('the answer is what the group requires, in the list and in the template', () => {
  const top = lines.filter(({ depth }) => depth === 1).map(({ type, value }) => value || type);
  assert.deepEqual(top, [
    '1.2.840.113549.1.9.16.2.57',
    'SEQUENCE',
    'SEQUENCE',
    'X509v3 Subject Alternative Name',
    'commonName',
    'serialNumber',
    'ecdsa-with-SHA384',
    'SEQUENCE',
  ]);
  const types = lines.filter(({ type, depth }) => type === 'OBJECT' && depth > 1);
  assert.deepEqual(
    types.slice(0, 6).map(({ value }) => value),
    [
      'id-ecPublicKey',
      'secp384r1',
      'Extension Request',
      'X509v3 Key Usage',
      'X509v3 Extended Key Usage',
      templateType,
    ],
  );
  assert.deepEqual(
    types.slice(6).map(({ value }) => value),
    [
      'commonName',
      'serialNumber',
      'id-ecPublicKey',
      'secp384r1',
      '1.2.840.113549.1.9.16.2.57',
      '1.2.840.113549.1.9.16.2.62',
      'X509v3 Subject Alternative Name',
      'X509v3 Key Usage',
      'X509v3 Extended Key Usage',
    ],
  );
});

describe('who does not follow is refused with the words of the announcement', { timeout }, () => {
  const words: Record<string, string> = {
    commonName: 'a commonName (2.5.4.3) in its subject',
    serialNumber: 'a serialNumber (2.5.4.5) in its subject',
    'X509v3 Subject Alternative Name': 'the extension subjectAltName (2.5.29.17)',
    'X509v3 Key Usage': 'the extension keyUsage (2.5.29.15) with exactly digitalSignature',
    'X509v3 Extended Key Usage': 'the extension extKeyUsage (2.5.29.37) with exactly clientAuth',
    '1.2.840.113549.1.9.16.2.57': 'the attribute revocationChallenge (1.2.840.113549.1.9.16.2.57)',
  };
  for (const [part, expected] of Object.entries(words))
    test(`${part} left out`, async () => {
      const lacking = structuredClone(complete);
      for (const section of Object.values(lacking)) delete section[part];
      assert.notDeepEqual(lacking, complete);
      request(lacking);
      const { status, body } = await enroll();
      assert.equal(status, 400);
      assert.ok(
        body.startsWith(
          `The request does not have what /strict/csrattrs announces. It must have ${expected}`,
        ),
        body,
      );
      assert.match(body, /\(it has none\)\. \(request \S+\)$/m);
    });

  test('another key usage than the announced one', async () => {
    const exts = {
      ...complete.exts,
      'X509v3 Key Usage': 'keyUsage = critical,digitalSignature,keyAgreement',
    };
    request({ ...complete, exts });
    const { status, body } = await enroll();
    assert.equal(status, 400);
    assert.ok(
      body.includes('keyUsage (2.5.29.15) with exactly digitalSignature (it has another value)'),
      body,
    );
  });

  test('another curve and another hash, both named', async () => {
    request(complete, 'P-256', 'sha256');
    const { status, body } = await enroll();
    assert.equal(status, 400);
    assert.ok(
      body.includes('a key of type P-384 (secp384r1) or RSA-3072 (rsaEncryption) (it has P-256)'),
      body,
    );
    assert.ok(
      body.includes('a signature with sha384, such as ecdsa-with-SHA384 (it has sha256)'),
      body,
    );
  });

  test('everything left out, all named at once', async () => {
    request({ dn: {}, exts: {}, attrs: {} });
    const { body } = await enroll();
    for (const expected of Object.values(words)) assert.ok(body.includes(expected), body);
  });
});

test('who follows gets a certificate, by the password that no refusal has spent, and renews it', {
  timeout,
}, async () => {
  request(complete);
  const first = await enroll();
  const certificate = certificateOf({ ...first, headers: {}, rawHeaders: [] });
  const { subject, subjectAltName } = new X509Certificate(certificate);
  assert.equal(subject, 'CN=device-1\nserialNumber=42');
  assert.equal(subjectAltName, 'DNS:a.example');

  writeFileSync(at('enrolled.pem'), certificate);
  assert.equal((await enroll('simplereenroll', ...identity)).status, 200);
  request({ ...complete, attrs: {} });
  const refused = await enroll('simplereenroll', ...identity);
  assert.equal(refused.status, 400);
  assert.ok(refused.body.includes('the attribute revocationChallenge'), refused.body);
});

describe('who asks', { timeout }, () => {
  test('without a label: by certificate one gets the own group’s answer, else what all groups require', async () => {
    assert.equal(await curl('csrattrs', ...identity), answer);
    assert.equal(await curl('csrattrs'), '');
    assert.equal(await curl('default/csrattrs', ...identity), '');
  });

  test('a registration authority: its own purposes without a label, those of devices under one', async () => {
    await server.json('group', 'add', 'purposes', '--require', 'extKeyUsage');
    const { 'ra-1': own } = await enlist(server, {
      'ra-1': { group: 'purposes', role: 'registration-authority' },
    });
    const authority = new ForgingDevice('ra-1');
    const clientAuth = oidOf('1.3.6.1.5.5.7.3.2');
    const cmcRA = Buffer.from(oidOf('1.3.6.1.5.5.7.3.28'));
    const ask = (...usages: Uint8Array[]) => {
      const value = sequence(...usages);
      const attributes = [extensionRequest(extension('2.5.29.37', value))];
      const credentials = { user: 'ra-1', password: own };
      const url = `${server.est}/purposes/simpleenroll`;
      return post(url, server.root, authority.request({ attributes }), credentials);
    };
    const refused = await ask(clientAuth);
    assert.equal(refused.status, 400);
    assert.match(refused.body, /extKeyUsage \(2\.5\.29\.37\) with exactly clientAuth and cmcRA/);
    const identity = {
      certificate: certificateOf(await ask(clientAuth, cmcRA)),
      key: authority.key,
    };
    const announced = async (path: string) => {
      const { status, body } = await call(`${server.est}/${path}`, server.root, identity);
      assert.equal(status, 200);
      return Buffer.from(body, 'base64');
    };
    assert.ok((await announced('csrattrs')).includes(cmcRA));
    assert.ok(!(await announced('purposes/csrattrs')).includes(cmcRA));
  });

  test('with a certificate that will not do, the answer is the one for nobody, not 401', async () => {
    const made = [
      '-x509',
      '-key',
      at('P-384.key'),
      '-subj',
      '/CN=device-1',
      '-out',
      at('self.pem'),
    ];
    openssl(['req', ...made]);
    const shown = ['--cert', at('self.pem'), '--key', at('P-384.key')];
    assert.equal(await curl('csrattrs', ...shown, '-w', '%{http_code}'), '204');
    assert.equal(await curl('strict/csrattrs', ...shown), answer);
  });

  test('again is told whether anything changed', async () => {
    const url = `${server.est}/strict/csrattrs`;
    const { status, headers, rawHeaders, body } = await call(url, server.root);
    // libest reads no more.
    assert.ok(rawHeaders.length / 2 <= 16, rawHeaders.join());
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'application/csrattrs');
    assert.equal(headers['cache-control'], 'public, max-age=60');
    assert.equal(body, answer);
    const etag = String(headers.etag);
    assert.equal(
      (await call(url, server.root, { headers: { 'If-None-Match': etag } })).status,
      304,
    );
    const other = await call(url, server.root, { headers: { 'If-None-Match': '"other"' } });
    assert.equal(other.status, 200);
    const head = await call(url, server.root, { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers.etag, head.body], [200, etag, '']);
    assert.equal(head.headers['content-length'], headers['content-length']);
  });

  test('where nothing is required there is nothing, for a while', async () => {
    for (const path of ['default/csrattrs', 'csrattrs']) {
      const { status, headers, body } = await call(`${server.est}/${path}`, server.root);
      assert.deepEqual([status, body, headers['content-type']], [204, '', undefined]);
      const whose = path === 'csrattrs' ? 'private' : 'public';
      assert.equal(headers['cache-control'], `${whose}, max-age=60`);
    }
  });
});

test('Bouncy Castle’s client reads every type in the list, and passes over the template', {
  timeout: 60_000,
}, async () => {
  using client = await BouncyCastle.compile();
  await server.json('group', 'add', 'linked', '--linking', 'required', '--key-types', 'Ed25519');
  const expected: Record<string, string[]> = {
    strict: [
      '1.2.840.10045.2.1',
      '1.2.840.10045.4.3.3',
      '1.2.840.113549.1.9.14',
      '1.2.840.113549.1.9.16.2.57',
      templateType,
      '2.5.29.17',
      '2.5.4.3',
      '2.5.4.5',
    ],
    // The attribute for a key without parameters has no value.
    linked: ['1.2.840.113549.1.9.16.2.58', templateType, '1.2.840.113549.1.9.7', '1.3.101.112'],
  };
  for (const [label, types] of Object.entries(expected)) {
    const read = await client.run({ server, version: 'TLSv1.3', label }, ['requirements']);
    assert.deepEqual(read, [`requirements TLSv1.3 ${types.join(' ')}`]);
  }
});
