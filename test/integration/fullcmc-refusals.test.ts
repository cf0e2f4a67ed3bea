/**
 * What /fullcmc refuses (RFC 7030 section 4.3): by 4xx, and by a signed Full PKI Response that says why. No message, however
 * broken, is a fault of the server.
 */
import assert from 'node:assert/strict';
import { createPublicKey, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { call, post } from '../support/est-client.ts';
import { FullCmc, issuedTo, statusesOf } from '../support/full-cmc.ts';
import { readVector } from '../support/vectors.ts';

const session = await FullCmc.start({}, { device: {} });
after(() => session[Symbol.asyncDispose]());
const { cmc, server } = session;
const byDevice = 'signer=device,device';
const nothing = Buffer.from('0500', 'hex').toString('base64');

before(async () => {
  await session.enroll('device');
  await cmc.key('new', 'P-256');
});

describe('what is no Full PKI Request', () => {
  const refused: Record<string, () => Uint8Array | Promise<Uint8Array>> = {
    'a PKCS#10 request': async () =>
      Buffer.from(await cmc.ask('pkcs10', 'device', 'CN=device'), 'base64'),
    'nothing at all': () => new Uint8Array(),
    'no DER': () => Buffer.from('Full PKI Request'),
    'a certs-only message': () => readVector('rfc7030-A1-cacerts-response.b64'),
    'an EncryptedPOP': async () => {
      const request = 'crmf=1,new,CN=device,none';
      const { answer } = await session.ask(byDevice, request);
      return Buffer.from(await cmc.ask('envelope', answer?.challenges[0] ?? ''), 'base64');
    },
  };
  for (const [what, make] of Object.entries(refused))
    test(what, async () => {
      const reply = await session.send(await make());
      assert.deepEqual(statusesOf(reply), ['failed badRequest 0']);
      assert.equal(reply.status, 400);
      assert.equal(
        reply.headers['content-type'],
        'application/pkcs7-mime; smime-type=CMC-response',
      );
    });

  test('a Full PKI Response of ours', async () => {
    const { body } = await session.ask(byDevice, 'confirm=device');
    const reply = await session.send(Buffer.from(body, 'base64'));
    assert.deepEqual(statusesOf(reply), ['failed badRequest 0']);
  });

  test('an example from 2003: SHA-1 is badAlg', async () => {
    const reply = await session.send(readVector('rfc6402-PKIData.b64'));
    assert.deepEqual(statusesOf(reply), ['failed badAlg 0']);
    assert.equal(reply.status, 400);
  });

  test('a body that is no base64', async () => {
    const headers = { 'Content-Type': 'application/pkcs7-mime' };
    const reply = await call(`${server.est}/fullcmc`, server.root, {
      method: 'POST',
      headers,
      body: '-----BEGIN CMS-----',
    });
    assert.equal(reply.status, 400);
    const answer = await cmc.answer(Buffer.from(reply.body, 'base64'));
    assert.deepEqual(statusesOf({ ...reply, answer }), ['failed badRequest 0']);
    assert.match(answer.statuses[0]?.text ?? '', /^The body is PEM/);
  });

  test('media types: that of RFC 7030 section 4.3.1, with its smime-type or without', async () => {
    const message = await cmc.message(byDevice, 'pkcs10=1,device,CN=device');
    const send = async (type: string) =>
      (
        await post(`${server.est}/fullcmc`, server.root, message, {
          headers: { 'Content-Type': type },
        })
      ).status;
    assert.equal(await send('application/pkcs7-mime'), 200);
    assert.equal(await send('Application/PKCS7-MIME; SMIME-Type="cmc-request"; name=a.p7m'), 200);
    assert.equal(await send('application/pkcs7-mime; smime-type=CMC-response'), 415);
    assert.equal(await send('application/pkcs7-mime; smime-type='), 415);
    assert.equal(await send('application/pkcs10'), 415);
    const answer = await call(`${server.est}/fullcmc`, server.root);
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.allow, 'POST');
  });
});

describe('a message that does not hold together', () => {
  test('it asks for nothing', async () => {
    const reply = await session.ask(byDevice, 'nonce=01', 'transaction=4');
    assert.deepEqual(statusesOf(reply), ['failed badRequest 0']);
    assert.equal(reply.answer?.transaction, '4');
    assert.equal(reply.answer.recipientNonce, '01');
  });

  test('nobody signed it', async () => {
    const reply = await session.ask('none=yes', 'pkcs10=1,device,CN=device');
    assert.deepEqual(statusesOf(reply), ['failed badMessageCheck 0']);
    assert.equal(reply.status, 400);
  });

  test('two signed it', async () => {
    const reply = await session.ask(byDevice, 'self=device', 'pkcs10=1,device,CN=device');
    assert.deepEqual(statusesOf(reply), ['failed badRequest 0']);
  });

  test('its signature, or what it covers, was changed', async () => {
    const message = await cmc.message(byDevice, 'pkcs10=1,device,CN=device', 'transaction=1193046');
    const transaction = Buffer.from('0203123456', 'hex');
    const at = message.indexOf(transaction);
    assert.ok(at > 0);
    const changed = Buffer.from(message);
    changed[at + 4] = 0x57;
    const resigned = Buffer.from(message);
    resigned[message.length - 1] = (message.at(-1) ?? 0) ^ 1;
    for (const each of [changed, resigned]) {
      const reply = await session.send(each);
      assert.deepEqual(statusesOf(reply), ['failed badMessageCheck 0']);
      assert.equal(reply.status, 400);
      assert.equal(issuedTo('device', reply).length, 0);
    }
  });

  test('the key of its request signed it, and it was changed', async () => {
    const credentials = { user: 'device', password: await server.password('device') };
    const message = await cmc.message('self=new', 'pkcs10=1,new,CN=device', 'transaction=1193046');
    const changed = Buffer.from(message);
    changed[message.indexOf(Buffer.from('0203123456', 'hex')) + 4] = 0x57;
    const reply = await session.send(changed, credentials);
    assert.deepEqual(statusesOf(reply), ['failed badMessageCheck 0']);
    assert.equal(reply.status, 400);
    assert.equal((await session.send(message, credentials)).status, 200);
  });

  test('the key of its request signed it, under another name', async () => {
    const password = await server.password('device');
    const message = await cmc.message('self=new', 'pkcs10=1,new,CN=device,ski:0102', 'nonce=01');
    const reply = await session.send(message, { user: 'device', password });
    assert.deepEqual(statusesOf(reply), ['failed badMessageCheck 0']);
    assert.equal(reply.status, 400);
  });

  test('its content says that it is something else', async () => {
    const type = 'type=1.2.840.113549.1.7.1';
    const reply = await session.ask(byDevice, type, 'pkcs10=1,device,CN=device', 'nonce=01');
    assert.deepEqual(statusesOf(reply), ['failed badRequest 0']);
  });

  test('the certificate that signed it is of a CA of its own', async () => {
    await cmc.certificate('foreign', readVector('rfc8410-05-CERTIFICATE.pem'));
    const reply = await session.ask(
      'signer=new,foreign',
      'without-certificate=yes',
      'pkcs10=1,new,CN=device',
    );
    assert.deepEqual(statusesOf(reply), ['failed badMessageCheck 0']);
    assert.equal(reply.status, 401);
  });

  for (const [what, field, expected] of [
    ['unknown', `control=1.2.3.4,${nothing}`, 'failed badRequest 101'],
    ['of answers', `control=1.3.6.1.5.5.7.7.26,${nothing}`, 'failed badRequest 101'],
    ['getCRL', `control=1.3.6.1.5.5.7.7.16,${nothing}`, 'noSupport 101'],
    ['modCertTemplate', `control=1.3.6.1.5.5.7.7.31,${nothing}`, 'noSupport 101'],
    ['malformed', `control=1.3.6.1.5.5.7.7.21,${nothing}`, 'failed badRequest 101'],
  ] as const)
    test(`a control that is ${what}: nothing is issued`, async () => {
      await cmc.key('unissued', 'P-256');
      const reply = await session.ask(byDevice, field, 'pkcs10=1,unissued,CN=device', 'nonce=09');
      assert.deepEqual(statusesOf(reply), [expected]);
      assert.equal(reply.status, 400);
      assert.equal(reply.answer?.recipientNonce, '09');
      assert.equal(issuedTo('device', reply).length, 0);
    });

  test('a request of another kind: no other is processed', async () => {
    const reply = await session.ask(byDevice, 'pkcs10=1,new,CN=device', 'other=2');
    assert.deepEqual(statusesOf(reply), ['noSupport 2']);
    assert.equal(reply.status, 400);
  });

  test('the signature of a request is wrong', async () => {
    const request = Buffer.from(await cmc.ask('pkcs10', 'new', 'CN=device'), 'base64');
    request[request.length - 1] = (request.at(-1) ?? 0) ^ 1;
    const reply = await session.ask(byDevice, `raw-pkcs10=1,${request.toString('base64')}`);
    assert.deepEqual(statusesOf(reply), ['failed popFailed 1']);
    assert.equal(reply.status, 400);
  });

  test('a key that is too weak is badAlg', async () => {
    await cmc.key('weak', 'RSA-1024');
    const reply = await session.ask(byDevice, 'pkcs10=1,weak,CN=device');
    assert.deepEqual(statusesOf(reply), ['failed badAlg 1']);
    assert.equal(reply.status, 400);
  });

  test('another subject than that of the certificate is badIdentity', async () => {
    const reply = await session.ask(byDevice, 'pkcs10=1,new,CN=somebody');
    assert.deepEqual(statusesOf(reply), ['failed badIdentity 1']);
    assert.equal(reply.status, 403);
  });

  test('CRMF with a control of its own for registration', async () => {
    const token = 'attribute:1.3.6.1.5.5.7.5.1.1:token';
    const reply = await session.ask(byDevice, `crmf=1,new,CN=device,signature,${token}`);
    assert.deepEqual(statusesOf(reply), ['failed badRequest 1']);
  });
});

test('no mutation of a message is a fault, or gets what the message did not ask for', async () => {
  const message = await cmc.message(
    byDevice,
    'pkcs10=1,device,CN=device',
    'crmf=2,new,CN=device,signature',
    'transaction=77',
    'nonce=0102030405060708',
    'confirm=device',
  );
  const keys = await Promise.all(
    ['device', 'new'].map(async (name) => createPublicKey(await cmc.privateKey(name))),
  );
  const random = randomBytes(240);
  let refused = 0;
  for (let i = 0; i < 120; i++) {
    const mutant = Buffer.from(message);
    const at = random.readUInt16BE(2 * i) % mutant.length;
    mutant[at] = (mutant[at] ?? 0) ^ (1 << (i % 8));
    const reply = await session.send(i % 10 === 9 ? mutant.subarray(0, at) : mutant);
    assert.ok(reply.answer, `octet ${at}: no Full PKI Response, but ${reply.status}`);
    assert.ok(reply.status < 500, `octet ${at}: ${reply.status} ${statusesOf(reply)}`);
    if (reply.status >= 400) refused++;
    for (const { publicKey } of issuedTo('device', reply))
      assert.ok(
        keys.some((key) => key.equals(publicKey)),
        `octet ${at}: a certificate for another key`,
      );
  }
  // What can change without harm is the certificate that came along: it is on record too.
  assert.ok(refused > 70, `${refused} refused`);
  assert.deepEqual(server.logLines({ msg: 'fault' }), []);
});

test('a label is that of the device’s group', async () => {
  const message = await cmc.message(byDevice, 'pkcs10=1,device,CN=device');
  assert.equal((await session.send(message, {}, 'default')).status, 200);
  const other = await session.send(message, {}, 'other');
  assert.equal(other.status, 401);
  assert.deepEqual(statusesOf(other), ['failed badIdentity 0']);
  assert.equal((await session.send(message, {}, 'nowhere')).status, 404);
});
