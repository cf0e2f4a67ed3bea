/**
 * Bouncy Castle's simpleEnrollPoP, which links identity and proof of possession (RFC 7030 section 3.5) by tls-unique, as
 * Bouncy Castle's own TLS 1.2 computes it; with TLS 1.3 it cannot.
 *
 * It gives Basic only after a 401, on another connection: it must sign another request there, and does.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BestowServer } from '../support/bestow.ts';
import { BouncyCastle } from '../support/bouncy-castle.ts';
import { eventually } from '../support/eventually.ts';
import { assertIssued } from '../support/issued-certificate.ts';

const timeout = 60_000;
const label = 'linked';
const client = await BouncyCastle.compile();
after(() => client[Symbol.dispose]());
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
await server.json('group', 'add', label, '--linking', 'required');

const refusal =
  /^refused 400 Linking of identity and proof of possession is required here.*challengePassword.* \(request \S+\)$/;

for (const kind of ['P-256', 'RSA-2048'] as const)
  test(`${kind}: where linking is required, refused without it, enrolled and renewed with it`, {
    timeout,
  }, async () => {
    const device = kind.toLowerCase();
    await server.json('device', 'add', device, '--group', label);
    const password = await server.password(device);
    const key = client.makeRequest(device, `/CN=${device}`, kind);
    const at = (name: string) => client.file(`${device}${name}`);
    const own = [at('.csr'), at('.key')];
    const identity = [at('-enrolled.pem'), at('.key')];
    const logged = requests();
    const lines = await client.run(
      { server, version: 'TLSv1.2', label },
      ['cacerts', at('-ca.pem')],
      ['csrattrs'],
      ['enroll', at('.csr'), device, password, at('-none.pem')],
      // The same password: the refusal has not spent it.
      ['linked-enroll', ...own, device, password, at('-enrolled.pem')],
      ['reenroll', at('.csr'), ...identity, at('-none.pem')],
      ['linked-reenroll', ...own, ...identity, at('-renewed.pem')],
    );
    const [caCerts, csrAttrs, enroll, linkedEnroll, reenroll, linkedReenroll, ...more] = lines;
    assert.equal(caCerts, 'cacerts TLSv1.2 trusted');
    assert.equal(csrAttrs, 'csrattrs TLSv1.2 some');
    assert.match(enroll ?? '', refusal);
    assert.equal(linkedEnroll, 'linked-enroll TLSv1.2 1 certificate');
    assert.match(reenroll ?? '', refusal);
    assert.equal(linkedReenroll, 'linked-reenroll TLSv1.2 1 certificate');
    assert.deepEqual(more, []);
    assert.throws(() => client.read(`${device}-none.pem`), { code: 'ENOENT' });

    const caCertificates = client.read(`${device}-ca.pem`);
    for (const issued of ['enrolled', 'renewed'])
      assertIssued(client.read(`${device}-${issued}.pem`), { caCertificates, device, key });
    await eventually(() => requests().length >= logged.length + 6);
    assert.deepEqual(requests().slice(logged.length), [
      'simpleenroll 401',
      'simpleenroll 400',
      'simpleenroll 401',
      `simpleenroll 200 ${device} verified`,
      'simplereenroll 400',
      `simplereenroll 200 ${device} verified`,
    ]);
  });

/** The log's requests for a certificate: operation and status; of those that succeeded, whose and the proof of linking. */
function requests(): string[] {
  return server
    .logLines({})
    .filter(({ path }) => /\/simple(re)?enroll$/.test(String(path)))
    .map(({ path, status, device, linking }) => {
      const outcome = status === 200 ? [device, linking] : [];
      return [String(path).split('/').pop(), status, ...outcome].join(' ');
    });
}
