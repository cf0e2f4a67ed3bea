/**
 * What libest's client (3.2.0p) puts on the wire and what it can read, spoken on a TLS socket of our own: TLS 1.2,
 * Basic only after a 401 and a new connection, stray octets after the body, header names compared by letter case.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { certificatesOf, type KeyKind, makeKey, openssl } from '../support/est-client.ts';
import { assertIssued } from '../support/issued-certificate.ts';
import {
  basic,
  exactHeader,
  parseAnswer,
  type RawAnswer,
  RawTls,
  wrappedBase64,
} from '../support/raw-tls.ts';

const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

const timeout = 30_000;

interface LibestRequest {
  readonly operation: string;
  /** DER. */
  readonly request?: Buffer;
  readonly authorization?: string;
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
  readonly session?: Buffer;
}

interface LibestAnswer {
  readonly answer: RawAnswer;
  /** The session this connection would resume. */
  readonly session: Buffer | undefined;
  readonly resumed: boolean;
}

/** One request on a connection of its own, read to its end. */
async function libest(order: LibestRequest): Promise<LibestAnswer> {
  const { operation, request, authorization, ...credentials } = order;
  const { port, root } = server;
  using connection = await RawTls.connect({ port, root, version: 'TLSv1.2', ...credentials });
  const body = request && wrappedBase64(request, 64, '\n');
  const head = [
    `${body ? 'POST' : 'GET'} /.well-known/est/${operation} HTTP/1.1`,
    'User-Agent: libest 3.2.0p',
    'Connection: close',
    `Host: 127.0.0.1:${port}`,
    'Accept: */*',
    ...(body ? ['Content-Type: application/pkcs10', `Content-Length: ${body.length}`] : []),
    ...(authorization ? [`Authorization: ${authorization}`] : []),
  ];
  // The last two octets are not part of the body that was announced.
  connection.send(`${head.join('\r\n')}\r\n\r\n`, ...(body ? [body] : []), '\r\n');
  const octets = await connection.readToEnd();
  const { session, resumed } = connection;
  return { answer: readAsLibest(octets), session, resumed };
}

const knownStatuses = [200, 202, 204, 400, 401, 404, 423, 500, 502, 504];

/** @throws Error where libest would report EST_ERR_HTTP_UNSUPPORTED, EST_ERR_UNKNOWN or an I/O error */
function readAsLibest(octets: Buffer): RawAnswer {
  const answer = parseAnswer(octets);
  const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer.statusLine) ?? [];
  assert.ok(knownStatuses.includes(Number(status)), answer.statusLine);
  assert.ok(answer.headers.length <= 16, `${answer.headers.length} headers`);
  assert.equal(Number(exactHeader(answer, 'Content-Length')), answer.body.length);
  return answer;
}

/** What libest's base64 decoder, OpenSSL's BIO, makes of a body; it gives nothing for a line it finds too long. */
function decodeAsLibest(body: Buffer): Buffer {
  const lines = body.toString('latin1').split('\n');
  assert.equal(lines.at(-1), '', 'the last line ends');
  const longest = Math.max(...lines.map(({ length }) => length));
  assert.ok(longest <= (lines.length > 2 ? 76 : 1023), `a line of ${longest} characters`);
  return openssl(['base64', '-d'], body);
}

/** The certificate in an enrollment answer. @throws Error where libest would refuse the answer */
function certificateIn(answer: RawAnswer): string {
  assert.match(answer.statusLine, /^HTTP\/1\.1 200/);
  const mediaType = 'application/pkcs7-mime; smime-type=certs-only';
  assert.equal(exactHeader(answer, 'Content-Type'), mediaType);
  const [certificate, ...more] = certificatesIn(answer);
  assert.ok(certificate && more.length === 0);
  return certificate;
}

function certificatesIn({ body }: RawAnswer): string[] {
  return certificatesOf({ body: decodeAsLibest(body).toString('base64') });
}

/** The certificates of /cacerts, PEM, as `estclient -g` gets them. */
async function caCertificates(): Promise<string> {
  const { answer } = await libest({ operation: 'cacerts' });
  assert.match(answer.statusLine, /^HTTP\/1\.1 200/);
  assert.match(exactHeader(answer, 'Content-Type') ?? '', /^application\/pkcs7-mime/);
  return certificatesIn(answer).join('');
}

/** `estclient -e -u -h`: without credentials first, then on a new connection with Basic. */
async function enrollByPassword(device: string, request: Buffer): Promise<string> {
  const password = await server.password(device);
  const challenge = await libest({ operation: 'simpleenroll', request });
  assert.match(challenge.answer.statusLine, /^HTTP\/1\.1 401/);
  assert.equal(exactHeader(challenge.answer, 'WWW-Authenticate'), 'Basic realm="EST"');
  assert.equal(challenge.answer.body.length, 0);
  assert.ok(challenge.session, 'there is a session to offer');
  const { session } = challenge;
  const authorization = basic(device, password);
  const second = await libest({ operation: 'simpleenroll', request, authorization, session });
  assert.equal(second.resumed, false);
  return certificateIn(second.answer);
}

test('cacerts: the chain, root included', { timeout }, async () => {
  const certificates = await caCertificates();
  assert.equal(certificates.match(/BEGIN/g)?.length, 2);
  assert.ok(certificates.includes(server.root.trim()));
});

// The base64 of an RSA-4096 certificate is longer than the one line that the decoder can take.
for (const kind of ['P-256', 'RSA-2048', 'RSA-4096'] satisfies KeyKind[])
  test(`${kind}: enroll by password after a 401, re-enroll by certificate`, {
    timeout,
  }, async () => {
    const device = kind.toLowerCase();
    const { key, request } = makeKey(kind);
    const expected = { caCertificates: await caCertificates(), device, key };
    const certificate = await enrollByPassword(device, request(`/CN=${device}`));
    assertIssued(certificate, expected);

    const order = { request: request(`/CN=${device}`), certificate, key };
    const renewed = await libest({ ...order, operation: 'simplereenroll' });
    assertIssued(certificateIn(renewed.answer), expected);
    const again = await libest({ ...order, operation: 'simpleenroll' });
    assertIssued(certificateIn(again.answer), expected);
  });

test('a session of a connection with a certificate gives nobody that identity', {
  timeout,
}, async () => {
  const device = 'resumed';
  const { key, request } = makeKey();
  const order = { operation: 'simplereenroll', request: request(`/CN=${device}`) };
  const certificate = await enrollByPassword(device, order.request);
  const authenticated = await libest({ ...order, certificate, key });
  assert.match(authenticated.answer.statusLine, /^HTTP\/1\.1 200/);
  const { session } = authenticated;
  assert.ok(session, 'there is a session to offer');
  const resumed = await libest({ ...order, session });
  assert.equal(resumed.resumed, false);
  assert.match(resumed.answer.statusLine, /^HTTP\/1\.1 401/);
  // With the session and the certificate, a full handshake takes place and the identity is the certificate's.
  const both = await libest({ ...order, certificate, key, session });
  assert.equal(both.resumed, false);
  assert.match(both.answer.statusLine, /^HTTP\/1\.1 200/);
});

test('a malformed request: a status and a length that libest knows', { timeout }, async () => {
  const device = 'malformed';
  const authorization = basic(device, await server.password(device));
  const order = { operation: 'simpleenroll', request: Buffer.from('no request'), authorization };
  const { answer } = await libest(order);
  assert.match(answer.statusLine, /^HTTP\/1\.1 400/);
  assert.match(answer.body.toString(), /^The certificate request is not DER/);
});

test('libest names an address in SNI, which RFC 6066 section 3 does not allow', { timeout }, () => {
  // Node.js would not send it; OpenSSL, which libest is built on, does.
  const { port, rootFile } = server;
  const host = ['-connect', `127.0.0.1:${port}`, '-servername', '127.0.0.1'];
  const trust = ['-CAfile', rootFile, '-verify_return_error', '-verify_ip', '127.0.0.1'];
  const octets = openssl(
    ['s_client', '-quiet', '-tls1_2', ...host, ...trust],
    'GET /.well-known/est/cacerts HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAccept: */*\r\n\r\n',
  );
  assert.ok(certificatesIn(readAsLibest(octets)).includes(server.root));
});
