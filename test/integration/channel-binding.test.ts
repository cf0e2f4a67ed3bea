/** A request that names its TLS connection, by a client on its own socket (RFC 7030 section 3.5, RFC 9266, RFC 7894). */

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { tags } from '../../ca/der.ts';
import { dotted } from '../../ca/object-identifiers.ts';
import { BestowServer } from '../support/bestow.ts';
import { call, certificateOf, openssl } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { attribute, commonName, forgeRequest, keyPairs, text } from '../support/forged-request.ts';
import { basic, exactHeader, RawTls } from '../support/raw-tls.ts';

const timeout = 120_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
for (const linking of ['off', 'required'])
  await server.json('group', 'add', linking, '--linking', linking);

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof versions)[number];
type Carrier = 'challengePassword' | 'estIdentityLinking';

/** What an honest client puts in: its own Finished message, or the exported value. */
function bindingOf(socket: TLSSocket): Buffer {
  const binding =
    socket.getProtocol() === 'TLSv1.2'
      ? socket.getFinished()
      : socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  assert.ok(binding);
  return binding;
}

function requestOf(
  device: string,
  carriers: Partial<Record<Carrier, string>>,
  tag: number = tags.printableString,
) {
  return forgeRequest({
    subject: commonName(device),
    attributes: Object.entries(carriers).map(([carrier, value]) =>
      attribute(dotted[carrier as Carrier], text(tag, value)),
    ),
  });
}

interface Attempt {
  readonly version: Version;
  readonly label?: string;
  readonly device: string;
  readonly password?: string;
  /** Makes the request once the connection stands. */
  readonly request: (socket: TLSSocket) => Uint8Array;
  readonly operation?: string;
  readonly certificate?: string;
  readonly key?: string;
}

async function send(attempt: Attempt) {
  const {
    version,
    label,
    device,
    password,
    operation = 'simpleenroll',
    certificate,
    key,
  } = attempt;
  using connection = await RawTls.connect({
    port: server.port,
    root: server.root,
    version,
    ...(certificate && key ? { certificate, key } : {}),
  });
  const body = Buffer.from(attempt.request(connection.socket)).toString('base64');
  const path = `/.well-known/est/${label ? `${label}/` : ''}${operation}`;
  const authorization = password ? `Authorization: ${basic(device, password)}\r\n` : '';
  connection.send(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${authorization}Content-Type: application/pkcs10\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return (await connection.readAnswer()).answer;
}

const statusOf = ({ statusLine }: { statusLine: string }) => Number(statusLine.split(' ')[1]);
let devices = 0;

/** A fresh device in a group of its own settings, with a password. Its key is its own: a key belongs to one device. */
async function newDevice(group = 'default') {
  const device = `linked-${++devices}`;
  await server.json('device', 'add', device, '--group', group);
  return { device, password: await server.password(device) };
}

/** A key belongs to one device: the second device with it would be refused. */
function freshKey(): void {
  Object.assign(keyPairs['P-256'], generateKeyPairSync('ec', { namedCurve: 'P-256' }));
}

for (const version of versions)
  describe(version, { timeout }, () => {
    for (const carrier of ['challengePassword', 'estIdentityLinking'] as const)
      test(`${carrier} with the value of this connection enrolls, and the connection ends`, async () => {
        freshKey();
        const who = await newDevice('required');
        const request = (socket: TLSSocket) =>
          requestOf(who.device, { [carrier]: bindingOf(socket).toString('base64') });
        const answer = await send({ version, ...who, label: 'required', request });
        assert.equal(statusOf(answer), 200);
        assert.equal(exactHeader(answer, 'Connection'), 'close');
        await eventually(
          () => server.logLines({ device: who.device, linking: 'verified' }).length === 1,
        );
      });

    test('any string type will do, and a line end behind the value', async () => {
      freshKey();
      const who = await newDevice();
      const request = (socket: TLSSocket) =>
        requestOf(
          who.device,
          { challengePassword: `${bindingOf(socket).toString('base64')}\n` },
          tags.utf8String,
        );
      assert.equal(statusOf(await send({ version, ...who, request })), 200);
    });

    test('a value of another connection is refused and spends nothing', async () => {
      freshKey();
      const who = await newDevice();
      let stolen = '';
      using other = await RawTls.connect({ port: server.port, root: server.root, version });
      stolen = bindingOf(other.socket).toString('base64');
      const refused = await send({
        version,
        ...who,
        request: () => requestOf(who.device, { challengePassword: stolen }),
      });
      assert.equal(statusOf(refused), 400);
      assert.match(refused.body.toString(), /channel binding of this TLS connection/);
      assert.equal(
        statusOf(await send({ version, ...who, request: () => requestOf(who.device, {}) })),
        200,
      );
    });

    test('one carrier right and the other wrong is refused', async () => {
      freshKey();
      const who = await newDevice();
      const request = (socket: TLSSocket) =>
        requestOf(who.device, {
          challengePassword: bindingOf(socket).toString('base64'),
          estIdentityLinking: Buffer.alloc(32).toString('base64'),
        });
      assert.equal(statusOf(await send({ version, ...who, request })), 400);
    });

    test('a password in challengePassword is refused, even the right one', async () => {
      freshKey();
      const who = await newDevice();
      const request = () => requestOf(who.device, { challengePassword: who.password });
      assert.equal(statusOf(await send({ version, ...who, request })), 400);
    });

    test('where linking is required, a request without it is refused, and told what is missing', async () => {
      freshKey();
      const who = await newDevice('required');
      const answer = await send({ version, ...who, request: () => requestOf(who.device, {}) });
      assert.equal(statusOf(answer), 400);
      assert.match(
        answer.body.toString(),
        /Linking of identity and proof of possession is required/,
      );
    });

    test('where linking is off, a request with it is refused', async () => {
      freshKey();
      const who = await newDevice('off');
      const request = (socket: TLSSocket) =>
        requestOf(who.device, { challengePassword: bindingOf(socket).toString('base64') });
      assert.equal(statusOf(await send({ version, ...who, request })), 400);
    });

    test('re-enrollment is judged alike, on the connection of the certificate', async () => {
      freshKey();
      const who = await newDevice('required');
      const linked = (socket: TLSSocket) =>
        requestOf(who.device, { challengePassword: bindingOf(socket).toString('base64') });
      const first = await send({ version, ...who, request: linked });
      const certificate = certificateOf({
        status: statusOf(first),
        headers: {},
        rawHeaders: [],
        body: first.body.toString(),
      });
      const key = keyPairs['P-256'].privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const again = { version, device: who.device, certificate, key, operation: 'simplereenroll' };
      assert.equal(statusOf(await send({ ...again, request: linked })), 200);
      assert.equal(
        statusOf(await send({ ...again, request: () => requestOf(who.device, {}) })),
        400,
      );
    });
  });

test('with TLS 1.3 the Finished message is no channel binding', { timeout }, async () => {
  freshKey();
  const who = await newDevice();
  const request = (socket: TLSSocket) =>
    requestOf(who.device, { challengePassword: socket.getFinished()?.toString('base64') ?? '' });
  assert.equal(statusOf(await send({ version: 'TLSv1.3', ...who, request })), 400);
});

test('with TLS 1.2 the exported value is none', { timeout }, async () => {
  freshKey();
  const who = await newDevice();
  const request = (socket: TLSSocket) =>
    requestOf(who.device, {
      challengePassword: socket
        .exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
        .toString('base64'),
    });
  assert.equal(statusOf(await send({ version: 'TLSv1.2', ...who, request })), 400);
});

describe('/csrattrs announces what is required', { timeout }, () => {
  test('and nothing where nothing is', async () => {
    for (const path of ['csrattrs', 'off/csrattrs', 'default/csrattrs'])
      assert.equal((await call(`${server.est}/${path}`, server.root)).status, 204, path);
  });

  test('both carriers, as OpenSSL reads them', async () => {
    const answer = await call(`${server.est}/required/csrattrs`, server.root);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/csrattrs');
    const printed = openssl(
      ['asn1parse', '-inform', 'DER'],
      Buffer.from(answer.body, 'base64'),
    ).toString();
    assert.match(printed, /OBJECT +:challengePassword/);
    assert.match(printed, /OBJECT +:1\.2\.840\.113549\.1\.9\.16\.2\.58/);
  });

  test('without a label, what every group requires', async () => {
    for (const label of ['default', 'off'])
      await server.json('group', 'set', label, '--linking', 'required');
    assert.equal((await call(`${server.est}/csrattrs`, server.root)).status, 200);
    await server.json('group', 'set', 'default', '--linking', 'optional');
    assert.equal((await call(`${server.est}/csrattrs`, server.root)).status, 204);
  });
});

test('the audit log says what was proven', { timeout }, () => {
  using database = new DatabaseSync(`${server.data}/bestow.db`, { readOnly: true });
  const rows = database
    .prepare("select details from audit_log where action = 'certificate.intended'")
    .all();
  const proofs = rows.map(({ details }) => JSON.parse(String(details)).linking);
  assert.ok(proofs.includes('verified') && proofs.includes('absent'), proofs.join());
});
