/**
 * What GlobalSign's client (v1.0.6) puts on the wire and what it can read, spoken on a TLS socket of our own: Go's
 * HTTP with a chunked body, 76 columns of base64, Basic unasked, several requests on one connection.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { certificatesOf, type KeyKind, makeKey } from '../support/est-client.ts';
import { assertIssued } from '../support/issued-certificate.ts';
import { basic, exactHeader, type RawAnswer, RawTls, wrappedBase64 } from '../support/raw-tls.ts';

const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

const timeout = 30_000;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

interface Credentials {
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
}

function connect(version: (typeof versions)[number], as: Credentials = {}): Promise<RawTls> {
  return RawTls.connect({ port: server.port, root: server.root, version, ...as });
}

/** The head of a request in the order that Go writes it: the client's own headers sorted, Accept-Encoding last. */
function head(method: string, operation: string, framing: string[], own: string[]): string {
  return [
    `${method} /.well-known/est/${operation} HTTP/1.1`,
    `Host: localhost:${server.port}`,
    'User-Agent: GlobalSign EST Client v1.0.6 github.com/globalsign/est',
    ...framing,
    ...own,
    'Accept-Encoding: gzip',
    '\r\n',
  ].join('\r\n');
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

async function get(connection: RawTls, operation: string, accept: string): Promise<RawAnswer> {
  connection.send(head('GET', operation, [], [`Accept: ${accept}`]));
  return (await connection.readAnswer()).answer;
}

/** @param cut where the body is cut into two chunks, each in a TLS record of its own; in one chunk without it */
async function post(
  connection: RawTls,
  operation: string,
  request: Buffer,
  order: { authorization?: string; cut?: number } = {},
): Promise<RawAnswer> {
  const body = wrappedBase64(request, 76, '\r\n');
  const own = [
    'Accept: application/pkcs7-mime',
    ...(order.authorization ? [`Authorization: ${order.authorization}`] : []),
    'Content-Transfer-Encoding: base64',
    'Content-Type: application/pkcs10',
  ];
  const start = head('POST', operation, ['Transfer-Encoding: chunked'], own);
  const { cut } = order;
  if (cut === undefined) connection.send(`${start}${chunk(body)}0\r\n\r\n`);
  else connection.send(start, chunk(body.slice(0, cut)), chunk(body.slice(cut)), '0\r\n\r\n');
  return (await connection.readAnswer()).answer;
}

/** The certificates of an answer, PEM. @throws Error where the client would refuse it */
function certificatesIn(answer: RawAnswer): string[] {
  assert.match(answer.statusLine, /^HTTP\/1\.1 200 /, answer.body.toString());
  assert.match(exactHeader(answer, 'Content-Type') ?? '', /^application\/pkcs7-mime(;|$)/);
  assert.equal(exactHeader(answer, 'Content-Transfer-Encoding'), 'base64');
  assert.equal(exactHeader(answer, 'Content-Encoding'), undefined);
  const body = answer.body.toString('latin1');
  // Go's decoder skips these two line endings, and no other white space.
  assert.match(body, /^[A-Za-z0-9+/=\r\n]+$/);
  return certificatesOf({ body });
}

function certificateIn(answer: RawAnswer): string {
  const [certificate, ...more] = certificatesIn(answer);
  assert.ok(certificate && more.length === 0, `${more.length} certificates too many`);
  return certificate;
}

for (const version of versions)
  for (const kind of ['P-256', 'RSA-4096'] satisfies KeyKind[])
    test(`${kind} over ${version}: cacerts, csrattrs, enroll by password, re-enroll`, {
      timeout,
    }, async () => {
      const device = `${kind}-${version}`.toLowerCase();
      const { key, request } = makeKey(kind);
      const authorization = basic(device, await server.password(device));

      using first = await connect(version);
      const authorities = certificatesIn(await get(first, 'cacerts', 'application/pkcs7-mime'));
      assert.ok(authorities.includes(server.root));
      const attributes = await get(first, 'csrattrs', 'application/csrattrs');
      assert.match(attributes.statusLine, /^HTTP\/1\.1 204 /);
      assert.equal(attributes.body.length, 0);
      const expected = { caCertificates: authorities.join(''), device, key };
      const der = request(`/CN=${device}`);
      const answer = await post(first, 'simpleenroll', der, { authorization });
      const certificate = certificateIn(answer);
      assertIssued(certificate, expected);

      using second = await connect(version, { certificate, key });
      assertIssued(certificateIn(await post(second, 'simplereenroll', der)), expected);
      assertIssued(certificateIn(await post(second, 'simpleenroll', der)), expected);
    });

test('a body in chunks that end in the middle of a line', { timeout }, async () => {
  const device = 'chunked';
  const { key, request } = makeKey('RSA-2048');
  const authorization = basic(device, await server.password(device));
  using connection = await connect('TLSv1.3');
  const order = { authorization, cut: 101 };
  const answer = await post(connection, 'simpleenroll', request(`/CN=${device}`), order);
  const authorities = certificatesIn(await get(connection, 'cacerts', 'application/pkcs7-mime'));
  assertIssued(certificateIn(answer), { caCertificates: authorities.join(''), device, key });
});

test('a wrong password: 401, and the right one on the same connection', { timeout }, async () => {
  const device = 'mistyped';
  const { request } = makeKey();
  const password = await server.password(device);
  using connection = await connect('TLSv1.3');
  const der = request(`/CN=${device}`);
  const wrong = { authorization: basic(device, 'wrong') };
  const refused = await post(connection, 'simpleenroll', der, wrong);
  assert.match(refused.statusLine, /^HTTP\/1\.1 401 /);
  assert.equal(refused.body.length, 0);
  const right = { authorization: basic(device, password) };
  assert.ok(certificateIn(await post(connection, 'simpleenroll', der, right)));
});
