/**
 * Keys that do not sign (RFC 5272 section 6.7): RSA for encryption, elliptic curves and X25519 for key agreement. The device
 * proves that it can decrypt, and gets a certificate that says so and nothing else.
 */
import assert from 'node:assert/strict';
import { createPublicKey, type X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { encode, tags } from '../../ca/der.ts';
import { BouncyCastleCms } from '../support/bouncy-castle-cms.ts';
import { openssl } from '../support/est-client.ts';
import { sequence } from '../support/forged-request.ts';
import { type CmcReply, FullCmc, issuedTo, statusesOf } from '../support/full-cmc.ts';

const session = await FullCmc.start({}, { device: {}, other: {} });
after(() => session[Symbol.asyncDispose]());
const { cmc } = session;
const byDevice = 'signer=device,device';

before(async () => {
  await session.enroll('device');
  await session.enroll('other');
  for (const [name, kind] of [
    ['rsa', 'RSA-2048'],
    ['p-256', 'P-256'],
    ['p-384', 'P-384'],
    ['p-521', 'P-521'],
    ['x25519', 'X25519'],
    ['ed25519', 'Ed25519'],
  ] as const)
    await cmc.key(name, kind);
});

function challengeIn(reply: CmcReply): string {
  const [challenge] = reply.answer?.challenges ?? [];
  assert.ok(challenge, `no challenge, but ${statusesOf(reply)}`);
  return challenge;
}

/** Asks for a certificate, answers the challenge, and gets it. */
async function certify(
  request: string,
  prove: (challenge: string) => Promise<string>,
): Promise<{ certificate: X509Certificate; proof: string }> {
  const asked = await session.ask(byDevice, request, 'transaction=7', 'nonce=01', 'data=beef');
  assert.deepEqual(statusesOf(asked), ['failed popRequired 1']);
  assert.equal(asked.status, 400);
  assert.equal(asked.answer?.transaction, '7');
  assert.equal(asked.answer.data, 'beef');
  assert.equal(issuedTo('device', asked).length, 0);
  const proof = await prove(challengeIn(asked));
  const reply = await session.ask(byDevice, request, `decrypted=1,${proof}`, 'transaction=7');
  assert.deepEqual(statusesOf(reply), ['success 1']);
  assert.equal(reply.status, 200);
  const [certificate] = issuedTo('device', reply);
  assert.ok(certificate);
  return { certificate, proof };
}

function usagesOf(certificate: X509Certificate): string {
  const extensions = ['-ext', 'keyUsage,extendedKeyUsage'];
  return openssl(['x509', '-noout', ...extensions], certificate.toString()).toString();
}

const byBouncyCastle = (key: string) => (challenge: string) => cmc.ask('proof', key, challenge);

describe('Bouncy Castle decrypts the challenge', () => {
  for (const [key, form] of [
    ['rsa', 'crmf=1,rsa,CN=device,encipherment'],
    ['p-256', 'crmf=1,p-256,CN=device,agreement'],
    ['p-384', 'crmf=1,p-384,CN=device,none'],
    ['p-521', 'pkcs10=1,p-521,CN=device,no-signature'],
  ] as const)
    test(`${key}, ${form.split(',').at(-1)}`, async () => {
      const { certificate } = await certify(form, byBouncyCastle(key));
      const usage = key === 'rsa' ? 'Key Encipherment' : 'Key Agreement';
      assert.equal(usagesOf(certificate), `X509v3 Key Usage: critical\n    ${usage}\n`);
      const key1 = createPublicKey(await cmc.privateKey(key));
      assert.ok(certificate.publicKey.equals(key1));
    });

  for (const form of [
    'crmf=1,x25519,CN=device,agreement',
    'pkcs10=1,x25519,CN=device,no-signature',
  ])
    test(`x25519, ${form.slice(0, 6)}`, async () => {
      using tool = await BouncyCastleCms.compile();
      const { certificate } = await certify(form, async (challenge) => {
        const envelope = Buffer.from(await cmc.ask('envelope', challenge), 'base64');
        const key = tool.write('key.x25519.pem', await cmc.privateKey('x25519'));
        await tool.run(['open', tool.write('pop.p7m', envelope), key, tool.file('value')]);
        return cmc.ask('proof-of', tool.read('value').toString('hex'), challenge);
      });
      // RFC 8410 section 5.
      assert.equal(usagesOf(certificate), 'X509v3 Key Usage: critical\n    Key Agreement\n');
      assert.equal(certificate.publicKey.asymmetricKeyType, 'x25519');
    });
});

describe('a proof', () => {
  const request = 'crmf=1,rsa,CN=device,encipherment';
  let proof: string;
  before(async () => {
    const asked = await session.ask(byDevice, request);
    proof = await cmc.ask('proof', 'rsa', challengeIn(asked));
  });

  test('holds again: it is the same request, and gets the same certificate', async () => {
    const serials: (string | undefined)[] = [];
    for (let i = 0; i < 2; i++) {
      const reply = await session.ask(byDevice, request, `decrypted=1,${proof}`);
      assert.equal(reply.status, 200, reply.body);
      serials.push(issuedTo('device', reply)[0]?.serialNumber);
    }
    assert.ok(serials[0]);
    assert.equal(serials[0], serials[1]);
  });

  for (const [what, fields] of Object.entries({
    'that is wrong': [byDevice, request, `decrypted=1,${'00'.repeat(32)}`],
    'that is cut': [byDevice, request, 'decrypted=1,00'],
    'that is empty': [byDevice, request, 'decrypted=1,'],
  }))
    test(what, async () => {
      const reply = await session.ask(...fields);
      assert.deepEqual(statusesOf(reply), ['failed popFailed 1']);
      assert.equal(reply.status, 400);
      assert.equal(reply.answer?.challenges.length, 0);
      assert.equal(issuedTo('device', reply).length, 0);
    });

  test('for another request with the same key', async () => {
    const other = 'crmf=1,rsa,CN=device,none';
    const reply = await session.ask(byDevice, other, `decrypted=1,${proof}`);
    assert.deepEqual(statusesOf(reply), ['failed popFailed 1']);
  });

  test('for a request that is not there', async () => {
    const reply = await session.ask(byDevice, request, `decrypted=2,${proof}`);
    assert.deepEqual(statusesOf(reply), ['failed badRequest 101', 'failed badRequest 1']);
  });

  test('by another device', async () => {
    const theirs = 'crmf=1,rsa,CN=other,encipherment';
    const reply = await session.ask('signer=other,other', theirs, `decrypted=1,${proof}`);
    assert.deepEqual(statusesOf(reply), ['failed popFailed 1']);
  });

  test('by another certificate of the device', async () => {
    await cmc.key('second', 'P-256');
    const reply = await session.ask(byDevice, 'pkcs10=1,second,CN=device');
    const [certificate] = issuedTo('device', reply);
    assert.ok(certificate);
    await cmc.certificate('second', certificate.raw);
    const again = await session.ask('signer=second,second', request, `decrypted=1,${proof}`);
    assert.deepEqual(statusesOf(again), ['failed popFailed 1']);
  });

  test('under the name of another algorithm', async () => {
    const value = await cmc.ask('proof', 'rsa', challengeIn(await session.ask(byDevice, request)));
    const sha1 = sequence(encode(tags.oid, Buffer.from('2a864886f70d0207', 'hex')));
    const control = sequence(
      encode(tags.integer, Uint8Array.of(1)),
      sha1,
      encode(tags.octetString, Buffer.from(value, 'hex')),
    );
    const reply = await session.ask(
      byDevice,
      request,
      `control=1.3.6.1.5.5.7.7.10,${Buffer.from(control).toString('base64')}`,
    );
    assert.deepEqual(statusesOf(reply), ['failed popFailed 1']);
  });
});

describe('several requests', () => {
  test('while one is unproven none is issued; then all are', async () => {
    await cmc.key('signing', 'P-256');
    const requests = [
      'pkcs10=1,signing,CN=device',
      'crmf=2,rsa,CN=device,encipherment',
      'crmf=3,p-256,CN=device,agreement',
    ];
    const asked = await session.ask(byDevice, ...requests);
    assert.deepEqual(statusesOf(asked), ['failed popRequired 2 3', 'failed badRequest 1']);
    assert.equal(issuedTo('device', asked).length, 0);
    const [first = '', second = ''] = asked.answer?.challenges ?? [];
    const reply = await session.ask(
      byDevice,
      ...requests,
      `decrypted=2,${await cmc.ask('proof', 'rsa', first)}`,
      `decrypted=3,${await cmc.ask('proof', 'p-256', second)}`,
      'nonce=01',
    );
    assert.deepEqual(statusesOf(reply), ['success 1', 'success 2', 'success 3']);
    assert.equal(issuedTo('device', reply).length, 3);
  });
});

describe('no challenge', () => {
  test('for a key that cannot decrypt', async () => {
    const reply = await session.ask(byDevice, 'crmf=1,ed25519,CN=device,none');
    assert.deepEqual(statusesOf(reply), ['failed popRequired 1']);
    assert.equal(reply.status, 400);
    assert.equal(reply.answer?.challenges.length, 0);
  });

  test('for a device that is refused anyway', async () => {
    const reply = await session.ask(byDevice, 'crmf=1,rsa,CN=other,encipherment');
    assert.deepEqual(statusesOf(reply), ['failed badIdentity 1']);
    assert.equal(reply.answer?.challenges.length, 0);
  });

  test('by an encrypted certificate, which CMC forbids', async () => {
    const reply = await session.ask(byDevice, 'crmf=1,rsa,CN=device,encrypted-certificate');
    assert.deepEqual(statusesOf(reply), ['failed badRequest 1']);
  });

  test('for an X25519 key of small order', async () => {
    await cmc.ask('key-of', 'zero', Buffer.alloc(32).toString('hex'));
    const reply = await session.ask(byDevice, 'crmf=1,zero,CN=device,agreement');
    assert.deepEqual(statusesOf(reply), ['failed popRequired 1']);
    assert.equal(reply.status, 400);
  });
});

test('the certificate of such a key authenticates nobody', async () => {
  const { certificate } = await certify(
    'crmf=1,p-256,CN=device,agreement',
    byBouncyCastle('p-256'),
  );
  await cmc.certificate('agreement', certificate.raw);
  const reply = await session.ask('signer=p-256,agreement', 'pkcs10=1,p-256,CN=device');
  assert.deepEqual(statusesOf(reply), ['failed badIdentity 0']);
  assert.equal(reply.status, 401);
});
