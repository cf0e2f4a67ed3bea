/**
 * Certificates by /fullcmc (RFC 7030 section 4.3): for a device that signs with its certificate, and for one that proves its
 * one-time password. Bouncy Castle makes the messages and reads the answers.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { FullCmc, issuedTo, statusesOf } from '../support/full-cmc.ts';
import { verifyAsClient } from '../support/issued-certificate.ts';

const secrets = { group: 'secrets' };
const session = await FullCmc.start(
  {
    secrets: { cmcSharedSecret: true },
    linked: { linking: 'required', cmcSharedSecret: true },
    both: { credentials: 'both', cmcSharedSecret: true },
  },
  {
    signing: {},
    neighbour: {},
    blocked: {},
    gone: {},
    plain: {},
    fresh: secrets,
    twice: secrets,
    guessed: secrets,
    careless: secrets,
    basic: {},
    proven: { group: 'linked' },
    both: { group: 'both' },
  },
);
after(() => session[Symbol.asyncDispose]());
const { cmc, server } = session;
for (const key of ['new', 'newer', 'newest']) await cmc.key(key, 'P-256');

describe('a device signs with its certificate', () => {
  before(async () => {
    for (const device of ['signing', 'neighbour', 'gone', 'blocked']) await session.enroll(device);
  });

  test('a new key, PKCS#10: a certs-only answer', async () => {
    const reply = await session.ask('signer=signing,signing', 'pkcs10=1,new,CN=signing');
    assert.equal(reply.status, 200, reply.body);
    assert.equal(reply.headers['content-type'], 'application/pkcs7-mime; smime-type=certs-only');
    assert.equal(reply.headers['cache-control'], 'no-store');
    const [certificate] = issuedTo('signing', reply);
    assert.ok(certificate);
    verifyAsClient(certificate.toString(), `${server.root}${session.issuing}`);
  });

  test('the same key, CRMF, with controls to answer: a Full PKI Response', async () => {
    const reply = await session.ask(
      'signer=signing,signing',
      'crmf=4294967295,signing,CN=signing,signature,issuer',
      'transaction=10132985123483401',
      'nonce=00112233',
      'data=cafe',
    );
    assert.deepEqual(statusesOf(reply), ['success 4294967295']);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['content-type'], 'application/pkcs7-mime; smime-type=CMC-response');
    const { answer } = reply;
    assert.equal(answer?.transaction, '10132985123483401');
    assert.equal(answer?.recipientNonce, '00112233');
    assert.equal(answer?.data, 'cafe');
    assert.match(answer?.senderNonce ?? '', /^[0-9a-f]{32}$/);
    assert.equal(issuedTo('signing', reply).length, 1);
  });

  test('several requests in one message', async () => {
    const reply = await session.ask(
      'signer=signing,signing',
      'pkcs10=1,newer,CN=signing',
      'crmf=2,newest,CN=signing,signature',
      'nonce=01',
    );
    assert.deepEqual(statusesOf(reply), ['success 1', 'success 2']);
    assert.equal(issuedTo('signing', reply).length, 2);
  });

  test('a repeated message gets the same certificate', async () => {
    const message = await cmc.message('signer=signing,signing', 'pkcs10=1,new,CN=signing');
    const serials = async () =>
      issuedTo('signing', await session.send(message)).map(({ serialNumber }) => serialNumber);
    const first = await serials();
    assert.equal(first.length, 1);
    assert.deepEqual(await serials(), first);
  });

  test('its certificate is known by its number alone, or by its key identifier', async () => {
    for (const form of ['without-certificate=yes', 'key-identifier=yes']) {
      const reply = await session.ask('signer=signing,signing', form, 'pkcs10=1,new,CN=signing');
      assert.equal(reply.status, 200, reply.body);
    }
    const neither = ['key-identifier=yes', 'without-certificate=yes'];
    const reply = await session.ask(
      'signer=signing,signing',
      ...neither,
      'pkcs10=1,new,CN=signing',
    );
    assert.deepEqual(statusesOf(reply), ['failed badMessageCheck 0']);
    assert.equal(reply.status, 400);
  });

  test('the message may be BER', async () => {
    const reply = await session.ask(
      'signer=signing,signing',
      'encoding=BER',
      'pkcs10=1,new,CN=signing',
    );
    assert.equal(reply.status, 200, reply.body);
  });

  test('one request for another device: none is carried out', async () => {
    await cmc.key('untouched', 'P-256');
    const reply = await session.ask(
      'signer=signing,signing',
      'pkcs10=1,untouched,CN=signing',
      'pkcs10=2,new,CN=neighbour',
    );
    assert.deepEqual(statusesOf(reply), ['failed badIdentity 2', 'failed badRequest 1']);
    assert.equal(reply.status, 403);
    assert.match(reply.answer?.statuses[0]?.text ?? '', /neighbour.*\(request [0-9a-f-]{36}\)$/);
    assert.deepEqual(reply.answer?.certificates.length, 2);
    // Nor has the first been recorded: its key still is nobody's.
    const other = await session.ask(
      'signer=neighbour,neighbour',
      'pkcs10=1,untouched,CN=neighbour',
    );
    assert.equal(other.status, 200, other.body);
  });

  test('a key of another device: noKeyReuse, and the others get theirs', async () => {
    const reply = await session.ask(
      'signer=signing,signing',
      'pkcs10=1,new,CN=signing',
      'pkcs10=2,neighbour,CN=signing',
    );
    assert.deepEqual(statusesOf(reply), ['success 1', 'failed noKeyReuse 2']);
    assert.equal(reply.status, 200);
    assert.equal(issuedTo('signing', reply).length, 1);
    const alone = await session.ask('signer=signing,signing', 'pkcs10=2,neighbour,CN=signing');
    assert.deepEqual(statusesOf(alone), ['failed noKeyReuse 2']);
    assert.equal(alone.status, 403);
  });

  test('a revoked certificate, a blocked device: refused, also over a good connection', async () => {
    const { serialNumber } = (await certificatesOf('gone'))[0] ?? {};
    await server.json('cert', 'revoke', serialNumber ?? '', '--reason', 'keyCompromise');
    await server.json('device', 'block', 'blocked');
    const revoked = await session.ask('signer=gone,gone', 'pkcs10=1,new,CN=gone');
    assert.deepEqual(statusesOf(revoked), ['failed badIdentity 0']);
    assert.equal(revoked.status, 403);
    const blocked = await session.ask('signer=blocked,blocked', 'pkcs10=1,new,CN=blocked');
    // Who it is is known; it is the request that is refused.
    assert.deepEqual(statusesOf(blocked), ['failed badRequest 1']);
    assert.equal(blocked.status, 403);
  });

  test('another device’s connection: refused; its own: granted', async () => {
    const message = await cmc.message('signer=signing,signing', 'pkcs10=1,new,CN=signing');
    const foreign = await session.send(message, await session.tlsIdentity('neighbour'));
    assert.deepEqual(statusesOf(foreign), ['failed badIdentity 0']);
    assert.equal(foreign.status, 401);
    const own = await session.send(message, await session.tlsIdentity('signing'));
    assert.equal(own.status, 200, own.body);
    // A connection that shows who nobody is does no harm to a message that says it itself.
    const ended = await session.send(message, await session.tlsIdentity('gone'));
    assert.equal(ended.status, 200, ended.body);
  });

  test('a wrong password beside a good signature: refused', async () => {
    const message = await cmc.message('signer=signing,signing', 'pkcs10=1,new,CN=signing');
    const reply = await session.send(message, { user: 'signing', password: 'wrong' });
    assert.equal(reply.status, 401);
    assert.deepEqual(statusesOf(reply), ['failed badIdentity 0']);
  });

  test('wrong linking information is popFailed, and names linking', async () => {
    const challenge = `attribute:1.2.840.113549.1.9.7:${Buffer.alloc(12).toString('base64')}`;
    const reply = await session.ask(
      'signer=signing,signing',
      `pkcs10=1,new,CN=signing,${challenge}`,
    );
    assert.deepEqual(statusesOf(reply), ['failed popFailed 1']);
    assert.equal(reply.status, 400);
    assert.match(reply.answer?.statuses[0]?.text ?? '', /channel binding/);
  });
});

function certificatesOf(device: string) {
  return server.json<{ serialNumber: string }[]>('cert', 'list', '--device', device);
}

describe('a device proves its one-time password', () => {
  const proof = (device: string) => [
    `identification=${device}`,
    `secret=${session.password(device)}`,
  ];

  before(async () => {
    for (const device of ['fresh', 'twice', 'careless', 'basic', 'proven', 'plain'])
      await cmc.key(device, 'P-256');
    await cmc.key('rsa', 'RSA-2048');
    await cmc.key('ed25519', 'Ed25519');
  });

  for (const [key, hash] of [
    ['careless', 'SHA-256'],
    ['rsa', 'SHA-384'],
    ['ed25519', 'SHA-512'],
  ] as const)
    test(`${key} key, ${hash}`, async () => {
      const device = `by-${key}`;
      await server.json('device', 'add', device, '--group', 'secrets');
      const password = await server.password(device);
      const fields = [`secret=${password}`, `identification=${device}`, `hash=${hash}`];
      const form =
        key === 'rsa' ? `crmf=1,${key},CN=${device},signature` : `pkcs10=1,${key},CN=${device}`;
      await cmc.key(key, key === 'rsa' ? 'RSA-2048' : key === 'ed25519' ? 'Ed25519' : 'P-256');
      const reply = await session.ask(`self=${key}`, form, ...fields, 'nonce=0a');
      assert.deepEqual(statusesOf(reply), ['success 1']);
      assert.equal(issuedTo(device, reply).length, 1);
    });

  test('it is spent on one key: a repetition gets the same certificate, another key nothing', async () => {
    const first = await session.ask('self=twice', 'pkcs10=1,twice,CN=twice', ...proof('twice'));
    const [certificate] = issuedTo('twice', first);
    assert.ok(certificate);
    const again = await session.ask('self=twice', 'pkcs10=1,twice,CN=twice', ...proof('twice'));
    assert.equal(issuedTo('twice', again)[0]?.serialNumber, certificate.serialNumber);
    const other = await session.ask('self=new', 'pkcs10=1,new,CN=twice', ...proof('twice'));
    assert.deepEqual(statusesOf(other), ['failed badIdentity 1']);
    assert.equal(other.status, 401);
  });

  test('two requests with one password: refused', async () => {
    const reply = await session.ask(
      'self=fresh',
      'pkcs10=1,fresh,CN=fresh',
      'pkcs10=2,new,CN=fresh',
      ...proof('fresh'),
    );
    assert.deepEqual(statusesOf(reply), ['failed badRequest 1 2']);
    assert.equal(reply.status, 400);
  });

  test('a request that is not linked to the password, or with another random value', async () => {
    for (const fields of [
      ['pkcs10=1,fresh,CN=fresh,no-link', ...proof('fresh')],
      ['crmf=1,fresh,CN=fresh,signature,no-link', ...proof('fresh')],
      ['pkcs10=1,fresh,CN=fresh', ...proof('fresh'), 'random='],
    ]) {
      const reply = await session.ask('self=fresh', ...fields);
      assert.deepEqual(statusesOf(reply), ['failed popFailed 1'], fields.join(' '));
      assert.equal(reply.status, 400);
    }
  });

  test('a link made with another password than the proof', async () => {
    const reply = await session.ask(
      'self=fresh',
      'pkcs10=1,fresh,CN=fresh',
      'identification=fresh',
      'secret=another',
      `proof-secret=${session.password('fresh')}`,
    );
    assert.deepEqual(statusesOf(reply), ['failed popFailed 1']);
  });

  test('SHA-1 is badAlg; no identification is badIdentity', async () => {
    const sha1 = await session.ask(
      'self=fresh',
      'pkcs10=1,fresh,CN=fresh',
      ...proof('fresh'),
      'hash=SHA-1',
    );
    assert.match(statusesOf(sha1)[0] ?? '', /^failed badAlg 10\d$/);
    const [, secret = ''] = proof('fresh');
    const nameless = await session.ask('self=fresh', 'pkcs10=1,fresh,CN=fresh', secret);
    assert.match(statusesOf(nameless)[0] ?? '', /^failed badIdentity 10\d$/);
    assert.equal(nameless.status, 400);
  });

  test('a password of a group that does not lend it as shared secret', async () => {
    const reply = await session.ask('self=plain', 'pkcs10=1,plain,CN=plain', ...proof('plain'));
    assert.deepEqual(statusesOf(reply), ['failed badIdentity 0']);
    assert.equal(reply.status, 401);
  });

  test('the name is another device’s', async () => {
    const reply = await session.ask('self=fresh', 'pkcs10=1,fresh,CN=neighbour', ...proof('fresh'));
    assert.deepEqual(statusesOf(reply), ['failed badIdentity 1']);
    assert.equal(reply.status, 403);
  });

  test('after all those it still holds: nothing of them has spent it', async () => {
    const { id } = (await otpsOf('fresh'))[0] ?? {};
    // The identification may also be the id of the password itself.
    const reply = await session.ask(
      'self=fresh',
      'pkcs10=1,fresh,CN=fresh',
      `identification=${id}`,
      `secret=${session.password('fresh')}`,
      'transaction=5',
    );
    assert.deepEqual(statusesOf(reply), ['success 1']);
    assert.equal(reply.answer?.transaction, '5');
  });

  test('wrong proofs are failed authentications: they lead to a pause', async () => {
    const guess = () =>
      session.ask('self=new', 'pkcs10=1,new,CN=guessed', 'identification=guessed', 'secret=guess');
    const first = await guess();
    assert.deepEqual(statusesOf(first), ['failed badIdentity 0']);
    assert.equal(first.status, 401);
    assert.match(first.headers['www-authenticate'] ?? '', /^Basic/);
    assert.doesNotMatch(first.answer?.statuses[0]?.text ?? '', /otp-|password/);
    for (let i = 0; i < 4; i++) await guess();
    const paused = await guess();
    assert.deepEqual(statusesOf(paused), ['failed tryLater 0']);
    assert.equal(paused.status, 429);
    assert.ok(Number(paused.headers['retry-after']) > 0);
    // The pause is for the right proof too.
    const right = await session.ask('self=new', 'pkcs10=1,new,CN=guessed', ...proof('guessed'));
    assert.equal(right.status, 429);
  });

  test('where linking is required, the witness links, and later the certificate', async () => {
    const enrolled = await session.ask(
      'self=proven',
      'pkcs10=1,proven,CN=proven',
      ...proof('proven'),
    );
    const [certificate] = issuedTo('proven', enrolled);
    assert.ok(certificate);
    await cmc.certificate('proven', certificate.raw);
    const renewed = await session.ask('signer=proven,proven', 'pkcs10=1,proven,CN=proven');
    assert.equal(renewed.status, 200, renewed.body);
    const linkings = () =>
      server.logLines({ device: 'proven', status: 200 }).map(({ linking }) => linking);
    await eventually(() => linkings().length === 2);
    assert.deepEqual(linkings(), ['verified', 'verified']);
    const password = await server.password('proven');
    const unlinked = await session.send(await cmc.message('self=new', 'pkcs10=1,new,CN=proven'), {
      user: 'proven',
      password,
    });
    assert.deepEqual(statusesOf(unlinked), ['failed popFailed 1']);
    assert.match(unlinked.answer?.statuses[0]?.text ?? '', /^Linking of identity .* is required/);
  });

  test('a shared secret and another device’s password over HTTP: refused', async () => {
    const message = await cmc.message('self=fresh', 'pkcs10=1,fresh,CN=fresh', ...proof('fresh'));
    const password = session.password('basic');
    const reply = await session.send(message, { user: 'basic', password });
    assert.deepEqual(statusesOf(reply), ['failed badIdentity 0']);
    assert.equal(reply.status, 401);
  });
});

function otpsOf(device: string) {
  return server.json<{ id: string }[]>('otp', 'list', '--device', device);
}

describe('the connection says who asks, and the message is signed by the new key', () => {
  test('a password by HTTP Basic', async () => {
    const message = await cmc.message('self=basic', 'pkcs10=1,basic,CN=basic', 'nonce=01');
    const nobody = await session.send(message);
    assert.deepEqual(statusesOf(nobody), ['failed badIdentity 1']);
    assert.equal(nobody.status, 401);
    const password = session.password('basic');
    const reply = await session.send(message, { user: 'basic', password });
    assert.deepEqual(statusesOf(reply), ['success 1']);
  });

  test('the key that signs is named by another identifier than its request has', async () => {
    const reply = await session.ask('self=new', 'pkcs10=1,newer,CN=basic');
    assert.deepEqual(statusesOf(reply), ['failed badMessageCheck 0']);
    assert.equal(reply.status, 400);
  });

  test('a group that asks for both: the certificate signs, the password is spent', async () => {
    await cmc.key('both', 'P-256');
    const alone = await session.ask(
      'self=both',
      'pkcs10=1,both,CN=both',
      'identification=both',
      `secret=${session.password('both')}`,
    );
    assert.deepEqual(statusesOf(alone), ['failed badIdentity 1']);
    assert.equal(alone.status, 401);
    await server.json('group', 'set', 'both', '--credentials', 'either');
    await session.enroll('both');
    await server.json('group', 'set', 'both', '--credentials', 'both');
    const certificateOnly = await session.ask('signer=both,both', 'pkcs10=1,both,CN=both');
    assert.deepEqual(statusesOf(certificateOnly), ['failed badIdentity 1']);
    const password = await server.password('both');
    const reply = await session.ask(
      'signer=both,both',
      'pkcs10=1,both,CN=both',
      'identification=both',
      `secret=${password}`,
    );
    assert.equal(reply.status, 200, reply.body);
    const spent = await server.json<{ state: string }[]>('otp', 'list', '--device', 'both');
    assert.deepEqual(
      spent.map(({ state }) => state),
      ['spent', 'spent'],
    );
  });
});
