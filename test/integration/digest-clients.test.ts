/**
 * EST clients where a group offers Digest: Bouncy Castle 1.72 and what libest 3.2.0p puts on the wire, which both read the
 * first challenge only and know but MD5 there, and strongSwan's pki, which sends Basic unasked.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { withStores } from '../../cli/data.ts';
import { defaultSettings, type PasswordScheme } from '../../enrollment/group-settings.ts';
import { BestowServer } from '../support/bestow.ts';
import { BouncyCastle } from '../support/bouncy-castle.ts';
import { certificateOf, makeKey } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { assertIssued } from '../support/issued-certificate.ts';
import { exactHeader, parseAnswer, type RawAnswer, RawTls } from '../support/raw-tls.ts';

const run = promisify(execFile);
const client = await BouncyCastle.compile();
after(() => client[Symbol.dispose]());
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
const timeout = 60_000;

const groups: Record<string, readonly PasswordScheme[]> = {
  digest: ['digest'],
  any: ['basic', 'digest'],
};

before(() =>
  withStores({ data: server.data }, async ({ tenants, devices }) => {
    const now = new Date();
    // Without a label, which strongSwan 5.9.8 and libest's Digest do not know, all groups count: here none offers Basic only.
    await tenants.changeSettings('default', { passwordSchemes: ['digest'] }, 'test', now);
    for (const [label, passwordSchemes] of Object.entries(groups)) {
      const settings = { ...defaultSettings, passwordSchemes };
      await tenants.addGroup({ label, tenant: 'default', settings }, 'test', now);
      for (const by of ['bouncy-castle', 'strongswan']) {
        const device = { id: `${by}-${label}`, tenant: 'default', group: label, names: [] };
        await devices.add(device, 'test', now);
      }
    }
  }),
);

/** The schemes that the requests of a path were answered with, in the log's words. */
async function statusesOf(path: string, count: number): Promise<unknown[]> {
  const lines = () => server.logLines({ path, msg: 'request' });
  await eventually(() => lines().length >= count);
  return lines().map(({ status }) => status);
}

for (const label of Object.keys(groups))
  test(`Bouncy Castle enrolls in a group that offers ${groups[label]?.join(' and ')}`, {
    timeout,
  }, async () => {
    const device = `bouncy-castle-${label}`;
    const password = (await server.passwords([device]))[device] ?? '';
    const key = client.makeRequest(device, `/CN=${device}`);
    const [ca, out] = [client.file(`${device}-ca.pem`), client.file(`${device}.pem`)];
    const lines = await client.run(
      { server, version: 'TLSv1.3', label },
      ['cacerts', ca],
      ['enroll', client.file(`${device}.csr`), device, password, out],
    );
    assert.equal(lines[1], 'enroll TLSv1.3 1 certificate');
    const caCertificates = client.read(`${device}-ca.pem`);
    assertIssued(client.read(`${device}.pem`), { caCertificates, device, key });
    const path = `/.well-known/est/${label}/simpleenroll`;
    assert.deepEqual(await statusesOf(path, 2), [401, 200]);
  });

/** A POST as libest sends it, on a connection of its own. */
async function libest(request: Buffer, authorization?: string): Promise<RawAnswer> {
  const { port, root } = server;
  using connection = await RawTls.connect({ port, root, version: 'TLSv1.2' });
  const body = request.toString('base64');
  const head = [
    'POST /.well-known/est/simpleenroll HTTP/1.1',
    'User-Agent: libest 3.2.0p',
    'Connection: close',
    `Host: 127.0.0.1:${port}`,
    'Accept: */*',
    'Content-Type: application/pkcs10',
    `Content-Length: ${body.length}`,
    ...(authorization ? [`Authorization: ${authorization}`] : []),
  ];
  connection.send(`${head.join('\r\n')}\r\n\r\n`, body);
  const answer = parseAnswer(await connection.readToEnd());
  assert.ok(answer.headers.length <= 16, `${answer.headers.length} headers`);
  return answer;
}

/** What libest makes of the first challenge. @throws Error where libest would give up */
function respondAsLibest({ headers }: RawAnswer, user: string, password: string): string {
  const [, challenge = ''] = headers.find(([name]) => name === 'WWW-Authenticate') ?? [];
  assert.match(challenge, /^Digest /);
  const value = (name: string) => new RegExp(`${name}="?([^",]*)`).exec(challenge)?.[1];
  assert.equal((value('algorithm') ?? 'md5').toLowerCase(), 'md5');
  assert.equal(value('qop'), 'auth');
  const [realm, nonce = ''] = [value('realm'), value('nonce')];
  assert.ok(nonce.length < 64);
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const uri = '/.well-known/est/simpleenroll';
  const cnonce = randomBytes(8).toString('hex');
  const secret = md5(`${user}:${realm}:${password}`);
  const response = md5(`${secret}:${nonce}:00000001:${cnonce}:auth:${md5(`POST:${uri}`)}`);
  return `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", cnonce="${cnonce}", nc=00000001, qop="auth", response="${response}"`;
}

test('libest enrolls by MD5 where no group offers Basic', { timeout }, async () => {
  await withStores({ data: server.data }, ({ tenants }) =>
    tenants.changeSettings('any', { passwordSchemes: ['digest'] }, 'test', new Date()),
  );
  const device = 'libest';
  const password = (await server.passwords([device]))[device] ?? '';
  const { key, request } = makeKey();
  const der = request(`/CN=${device}`);
  const challenge = await libest(der);
  assert.equal(challenge.statusLine, 'HTTP/1.1 401 Unauthorized');
  assert.equal(challenge.body.length, 0);
  const answer = await libest(der, respondAsLibest(challenge, device, password));
  assert.equal(answer.statusLine, 'HTTP/1.1 200 OK');
  assert.ok(exactHeader(answer, 'Content-Type'));
  const certificate = certificateOf({
    status: 200,
    headers: {},
    rawHeaders: [],
    body: answer.body.toString(),
  });
  const caCertificates = client.read('bouncy-castle-digest-ca.pem');
  assertIssued(certificate, { caCertificates, device, key });
});

test('strongSwan enrolls with Basic, whatever else is offered', { timeout }, async () => {
  await withStores({ data: server.data }, ({ tenants }) =>
    tenants.changeSettings('any', { passwordSchemes: ['basic', 'digest'] }, 'test', new Date()),
  );
  const device = 'strongswan-any';
  const password = (await server.passwords([device]))[device] ?? '';
  const { key, request } = makeKey();
  const trust = [server.rootFile, `${server.data}/ca/issuing.pem`].flatMap((ca) => [
    '--cacert',
    ca,
  ]);
  const csr = client.file('strongswan.csr');
  writeFileSync(csr, request(`/CN=${device}`));
  const { stdout } = await run('pki', [
    ...['--est', '--url', server.origin, '--in', csr, '--outform', 'pem', ...trust],
    ...['--userpass', `${device}:${password}`],
  ]);
  const caCertificates = client.read('bouncy-castle-any-ca.pem');
  assertIssued(stdout, { caCertificates, device, key });
});
