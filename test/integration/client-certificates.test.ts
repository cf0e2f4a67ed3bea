/**
 * TLS client certificates that must not authenticate: forged, foreign, meant for something else, or resumed; and what
 * a proxy would say in a header.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { BestowServer } from '../support/bestow.ts';
import {
  certificateOf,
  type EstAnswer,
  type EstRequest,
  makeKey,
  openssl,
  post,
  readText,
} from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
const directory = mkdtempSync(join(tmpdir(), 'bestow-forger-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const { victim: password } = await server.passwords(['victim']);
const { key, request: make } = makeKey();
const request = make('/CN=victim');
const enrolled = await post(`${server.est}/simpleenroll`, server.root, request, {
  user: 'victim',
  password,
});
const certificate = certificateOf(enrolled);
const issuing = readText(join(server.data, 'ca', 'issuing.pem'));

function reenroll(options: EstRequest = {}, est = server.est): Promise<EstAnswer> {
  return post(`${est}/simplereenroll`, server.root, request, options);
}

/** 401 to both operations, for the reason that the log gives: otherwise the forgery was no good. */
async function assertUnknown(credentials: EstRequest, reason: RegExp): Promise<void> {
  for (const operation of ['simplereenroll', 'simpleenroll']) {
    const answer = await post(`${server.est}/${operation}`, server.root, request, credentials);
    assert.equal(answer.status, 401, `${operation}: ${answer.body}`);
    assert.equal(answer.body, '');
    const requestId = answer.headers['x-request-id'];
    const [line = assert.fail()] = await eventually(() => {
      const lines = server.logLines({ msg: 'request', requestId });
      return lines.length > 0 && lines;
    });
    assert.match(String(line.reason), reason);
  }
}

function write(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

interface Forgery {
  /** PEM; the certificate is self-signed without it. */
  readonly issuer?: { readonly certificate: string; readonly key: string };
  /** Copied from the certificate to be passed for. */
  readonly serialNumber: string;
  readonly extensions: readonly string[];
}

const asDevice = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=clientAuth',
];

/** A certificate over the forger's own key, made with OpenSSL. */
function forge(subject: string, { issuer, serialNumber, extensions }: Forgery) {
  const forged = makeKey();
  const requestFile = join(directory, 'request.der');
  writeFileSync(requestFile, forged.request(subject));
  const signing = issuer
    ? ['-CA', write('ca.pem', issuer.certificate), '-CAkey', write('ca.key', issuer.key)]
    : ['-key', write('self.key', forged.key)];
  const pem = openssl([
    ...['x509', '-req', '-inform', 'DER', '-in', requestFile, '-days', '30'],
    ...['-set_serial', `0x${serialNumber}`, '-extfile', write('ext', extensions.join('\n'))],
    ...signing,
  ]).toString();
  return { certificate: pem, key: forged.key };
}

const { serialNumber } = new X509Certificate(certificate);
const subjectOf = (pem: string) => `/${new X509Certificate(pem).subject.split('\n').join('/')}`;
/** As OpenSSL writes a key identifier. */
function subjectKeyIdentifierOf(pem: string): string {
  const text = openssl(['x509', '-noout', '-ext', 'subjectKeyIdentifier'], pem).toString();
  return /([0-9A-F]{2}:)+[0-9A-F]{2}/.exec(text)?.[0] ?? assert.fail(text);
}

test('the certificate itself authenticates', { timeout: 30_000 }, async () => {
  assert.equal((await reenroll({ certificate, key })).status, 200);
  assert.equal((await reenroll({ certificate, key }, `${server.est}/default`)).status, 200);
});

test("self-signed with the victim's subject and serial number", { timeout: 30_000 }, async () => {
  const forged = forge('/CN=victim', { serialNumber, extensions: asDevice });
  await assertUnknown(forged, /not issued by this CA/);
});

test("another CA with the issuing CA's name and key identifier", { timeout: 30_000 }, async () => {
  const extensions = [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign',
    `subjectKeyIdentifier=${subjectKeyIdentifierOf(issuing)}`,
  ];
  const issuer = forge(subjectOf(issuing), { serialNumber: '01', extensions });
  const forged = forge('/CN=victim', {
    issuer,
    serialNumber,
    extensions: [...asDevice, 'authorityKeyIdentifier=keyid:always'],
  });
  await assertUnknown(forged, /signature is wrong/);
  const chain = { ...forged, certificate: `${forged.certificate}${issuer.certificate}` };
  await assertUnknown(chain, /signature is wrong/);
});

test('a device that plays CA', { timeout: 30_000 }, async () => {
  const forged = forge('/CN=victim', {
    issuer: { certificate, key },
    serialNumber: '02',
    extensions: [...asDevice, 'authorityKeyIdentifier=keyid:always'],
  });
  const chain = `${forged.certificate}${certificate}${issuing}`;
  await assertUnknown({ ...forged, certificate: chain }, /not issued by this CA/);
});

test("the server's own TLS certificate, which is for serverAuth alone", {
  timeout: 30_000,
}, async () => {
  const own = readText(join(server.data, 'tls', 'server.pem'));
  const purposes = openssl(['x509', '-noout', '-ext', 'extendedKeyUsage'], own).toString();
  assert.match(purposes, /Server Authentication/);
  assert.doesNotMatch(purposes, /Client/);
  const ownKey = readText(join(server.data, 'tls', 'server-key.pem'));
  await assertUnknown({ certificate: own, key: ownKey }, /does not allow clientAuth/);
});

test('no certificate, whatever headers of a proxy say', { timeout: 30_000 }, async () => {
  const pem = encodeURIComponent(certificate);
  const der = new X509Certificate(certificate).raw.toString('base64');
  const headers = {
    'X-SSL-Client-Cert': pem,
    'X-Client-Cert': der,
    'X-SSL-Client-Verify': 'SUCCESS',
    'X-SSL-Client-S-DN': 'CN=victim',
    'X-Forwarded-Client-Cert': `Cert="${pem}";Subject="CN=victim"`,
    'Client-Cert': `:${der}:`,
    'X-Forwarded-User': 'victim',
  };
  await assertUnknown(
    { headers },
    /no client certificate|neither a client certificate nor a password/,
  );
});

test('a certificate of one tenant at the label of another', { timeout: 30_000 }, async () => {
  assert.equal((await server.cli('tenant', 'add', 'other')).exitCode, 0);
  for (const operation of ['simplereenroll', 'simpleenroll']) {
    const url = `${server.est}/other/${operation}`;
    const answer = await post(url, server.root, request, { certificate, key });
    assert.equal(answer.status, 401, operation);
  }
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
  test(`a resumed session carries no identity, ${version}`, { timeout: 30_000 }, async () => {
    const options = { minVersion: version, maxVersion: version };
    const sessions: Buffer[] = [];
    const first = await open({ ...options, cert: certificate, key });
    // What TLS 1.2 agrees on in the handshake, and the tickets of TLS 1.3 that come after it.
    const agreed = first.getSession();
    if (agreed) sessions.push(agreed);
    first.on('session', (session) => sessions.push(session));
    assert.match(await reenrollOver(first), /^HTTP\/1\.1 200 /);
    assert.ok(sessions.length > 0, 'there is nothing to resume');
    for (const session of sessions) {
      const second = await open({ ...options, session });
      assert.equal(second.isSessionReused(), false);
      assert.match(await reenrollOver(second), /^HTTP\/1\.1 401 /);
    }
  });

function open(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host: '127.0.0.1',
        port: server.port,
        servername: 'localhost',
        ca: server.root,
        ...options,
      },
      () => resolve(socket),
    );
    socket.once('error', reject);
  });
}

/** The answer's text; the server closes the connection after it. */
async function reenrollOver(socket: TLSSocket): Promise<string> {
  const body = request.toString('base64');
  socket.write(
    [
      'POST /.well-known/est/simplereenroll HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/pkcs10',
      `Content-Length: ${body.length}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  let text = '';
  for await (const part of socket) text += part;
  return text;
}
