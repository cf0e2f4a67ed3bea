/**
 * Bouncy Castle's EST client, as Java devices use it: Basic only after an empty 401, then the certificate.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { BouncyCastle } from '../support/bouncy-castle.ts';
import { eventually } from '../support/eventually.ts';
import { assertIssued } from '../support/issued-certificate.ts';

const client = await BouncyCastle.compile();
after(() => client[Symbol.dispose]());
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
const timeout = 60_000;

for (const [version, kind] of [
  ['TLSv1.2', 'P-256'],
  ['TLSv1.3', 'P-256'],
  // Over 1023 characters of base64, which come on several lines.
  ['TLSv1.2', 'RSA-4096'],
  ['TLSv1.3', 'RSA-4096'],
] as const)
  test(`${kind} over ${version}: cacerts, csrattrs, enroll by password, renew, rekey`, {
    timeout,
  }, async () => {
    const device = `${kind}-${version}`.toLowerCase();
    const password = await server.password(device);
    const at = (name: string) => client.file(`${device}-${name}`);
    const key = client.makeRequest(`${device}-first`, `/CN=${device}`, kind);
    const newKey = client.makeRequest(`${device}-new`, `/CN=${device}`, 'P-256');
    const old = [at('enrolled.pem'), at('first.key')];
    const lines = await client.run(
      { server, version },
      ['cacerts', at('ca.pem')],
      ['csrattrs'],
      ['enroll', at('first.csr'), device, password, at('enrolled.pem')],
      ['reenroll', at('first.csr'), ...old, at('renewed.pem')],
      ['reenroll', at('new.csr'), ...old, at('rekeyed.pem')],
    );
    assert.deepEqual(lines, [
      `cacerts ${version} trusted`,
      `csrattrs ${version} none`,
      `enroll ${version} 1 certificate`,
      `reenroll ${version} 1 certificate`,
      `reenroll ${version} 1 certificate`,
    ]);
    const caCertificates = client.read(`${device}-ca.pem`);
    assert.ok(withoutLineBreaks(caCertificates).includes(withoutLineBreaks(server.root)));
    assertIssued(client.read(`${device}-enrolled.pem`), { caCertificates, device, key });
    assertIssued(client.read(`${device}-renewed.pem`), { caCertificates, device, key });
    assertIssued(client.read(`${device}-rekeyed.pem`), { caCertificates, device, key: newKey });
  });

/** Java ends lines as it likes. */
function withoutLineBreaks(pem: string): string {
  return pem.replace(/[\r\n]+/g, '');
}

test('it asks without credentials first and repeats with Basic after the 401', {
  timeout,
}, async () => {
  const device = 'challenged';
  const password = await server.password(device);
  client.makeRequest(device, `/CN=${device}`, 'P-256');
  const path = '/.well-known/est/simpleenroll';
  const before = server.logLines({ path }).length;
  await client.run({ server, version: 'TLSv1.3' }, [
    'enroll',
    client.file('challenged.csr'),
    device,
    password,
    client.file('out.pem'),
  ]);
  const requests = () => server.logLines({ path }).slice(before);
  await eventually(() => requests().length >= 2);
  assert.deepEqual(
    requests().map(({ status }) => status),
    [401, 200],
  );
});

test('a refusal reaches the caller with its reason', { timeout }, async () => {
  const device = 'refused';
  const password = await server.password(device);
  client.makeRequest('another', '/CN=another', 'P-256');
  const out = client.file('none.pem');
  const lines = await client.run(
    { server, version: 'TLSv1.3' },
    ['enroll', client.file('another.csr'), device, 'wrong', out],
    ['enroll', client.file('another.csr'), device, password, out],
  );
  assert.match(lines[0] ?? '', /^refused 401 /);
  assert.match(lines[1] ?? '', /^refused 403 The request's subject .*another.* \(request \S+\)$/);
  assert.throws(() => readFileSync(out), { code: 'ENOENT' });
});
