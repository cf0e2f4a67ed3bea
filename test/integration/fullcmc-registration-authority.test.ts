/**
 * /fullcmc from a registration authority (RFC 7030 section 3.7, RFC 5272 section 7): it asks for the devices of its tenant,
 * and wraps messages of theirs in a batch.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FullCmc, issuedTo, statusesOf } from '../support/full-cmc.ts';
import { auditOf } from '../support/registry.ts';

const session = await FullCmc.start(
  { secrets: { cmcSharedSecret: true } },
  {
    'ra-1': { role: 'registration-authority' },
    asked: {},
    linked: {},
    wrapped: { group: 'secrets' },
    signing: {},
    stranger: { tenant: 'other' },
  },
);
after(() => session[Symbol.asyncDispose]());
const { cmc, server } = session;
const byRa = 'signer=ra-1,ra-1';
/** Somebody else’s connection, in challengePassword. */
const foreignLink = `attribute:1.2.840.113549.1.9.7:${Buffer.alloc(12).toString('base64')}`;
const unknownControl = `control=1.2.3.4,${Buffer.from('0500', 'hex').toString('base64')}`;

before(async () => {
  for (const device of ['ra-1', 'signing', 'stranger']) await session.enroll(device);
  for (const key of ['asked', 'linked', 'wrapped', 'new']) await cmc.key(key, 'P-256');
});

describe('its own message', () => {
  test('for a device of its tenant: issued, and on record whose word it was', async () => {
    const reply = await session.ask(byRa, 'pkcs10=1,asked,CN=asked', 'transaction=9');
    assert.deepEqual(statusesOf(reply), ['success 1']);
    const [certificate] = issuedTo('asked', reply);
    assert.ok(certificate);
    const intended = auditOf(server, 'certificate.intended');
    const entry = intended.find(({ object }) => object === certificate.serialNumber.toLowerCase());
    assert.equal(entry?.details.relayedBy, 'ra-1');
    assert.equal(entry.actor, 'asked');
  });

  test('for several devices at once', async () => {
    await cmc.key('asked-2', 'P-256');
    await cmc.key('signing-2', 'P-256');
    const reply = await session.ask(
      byRa,
      'pkcs10=1,asked-2,CN=asked',
      'pkcs10=2,signing-2,CN=signing',
      'nonce=01',
    );
    assert.deepEqual(statusesOf(reply), ['success 1', 'success 2']);
    assert.equal(issuedTo('asked', reply).length, 1);
    assert.equal(issuedTo('signing', reply).length, 1);
  });

  test('foreign linking information is waived for it, and for nobody else', async () => {
    const request = `pkcs10=1,linked,CN=linked,${foreignLink}`;
    const reply = await session.ask(byRa, request, 'nonce=01');
    assert.deepEqual(statusesOf(reply), ['success 1']);
    const own = `pkcs10=1,new,CN=signing,${foreignLink}`;
    const device = await session.ask('signer=signing,signing', own, 'nonce=01');
    assert.deepEqual(statusesOf(device), ['failed popFailed 1']);
    // Over the connection of the authority it is waived again.
    const message = await cmc.message('signer=signing,signing', own, 'nonce=01');
    const relayed = await session.send(message, await session.tlsIdentity('ra-1'));
    assert.deepEqual(statusesOf(relayed), ['success 1']);
  });

  test('for a device of another tenant, an unknown one, or none: refused', async () => {
    for (const subject of ['CN=stranger', 'CN=nobody', '2.5.4.5=1']) {
      const reply = await session.ask(byRa, `pkcs10=1,new,${subject}`);
      assert.deepEqual(statusesOf(reply), ['failed badIdentity 1'], subject);
      assert.equal(reply.status, 403);
    }
  });

  test('it cannot vouch for the possession of a key', async () => {
    const inRequest = await session.ask(byRa, 'crmf=1,asked,CN=asked,ra');
    assert.deepEqual(statusesOf(inRequest), ['failed popFailed 1']);
    const witness = Buffer.from('30080201003003020101', 'hex').toString('base64');
    const inControl = await session.ask(
      byRa,
      'pkcs10=1,asked,CN=asked',
      `control=1.3.6.1.5.5.7.7.11,${witness}`,
    );
    assert.match(statusesOf(inControl)[0] ?? '', /^failed popFailed 10\d$/);
    assert.equal(inControl.status, 400);
  });

  test('a control that it has dealt with needs not be known; a device has no such word', async () => {
    const fields = ['pkcs10=1,asked,CN=asked', unknownControl, 'processed=101', 'nonce=01'];
    assert.deepEqual(statusesOf(await session.ask(byRa, ...fields)), ['success 1']);
    const device = ['pkcs10=1,new,CN=signing', unknownControl, 'processed=101', 'nonce=01'];
    const reply = await session.ask('signer=signing,signing', ...device);
    assert.deepEqual(statusesOf(reply), ['failed badRequest 101']);
    assert.equal(reply.status, 400);
  });
});

describe('a batch of messages of devices', () => {
  const content = async (id: number, ...fields: string[]) =>
    `content=${id},${(await cmc.message(...fields)).toString('base64')}`;

  test('each is answered by itself, good or bad', async () => {
    const reply = await session.ask(
      byRa,
      'batch=5,6,7',
      await content(5, 'signer=signing,signing', 'pkcs10=1,new,CN=signing', 'transaction=55'),
      await content(
        6,
        'self=wrapped',
        `pkcs10=1,wrapped,CN=wrapped,${foreignLink}`,
        'identification=wrapped',
        `secret=${session.password('wrapped')}`,
      ),
      await content(7, 'signer=signing,signing', 'pkcs10=3,new,CN=asked', 'nonce=77'),
      'transaction=1',
      'nonce=02',
    );
    assert.equal(reply.status, 200, reply.body);
    assert.match(statusesOf(reply).join(), /^success 10\d$/);
    assert.deepEqual(reply.answer?.batch, [5, 6, 7]);
    assert.equal(reply.answer?.transaction, '1');
    const inner = await Promise.all(
      [5, 6, 7].map(async (id) => {
        const der = Buffer.from(reply.answer?.contents[id] ?? '', 'base64');
        return { ...reply, answer: await cmc.answer(der) };
      }),
    );
    assert.deepEqual(inner.map(statusesOf), [
      ['success 1'],
      ['success 1'],
      ['failed badIdentity 3'],
    ]);
    assert.equal(inner[0]?.answer.transaction, '55');
    assert.equal(inner[2]?.answer.recipientNonce, '77');
    assert.equal(inner[0] && issuedTo('signing', inner[0]).length, 1);
    const [certificate] = inner[1] ? issuedTo('wrapped', inner[1]) : [];
    assert.ok(certificate);
    const intended = auditOf(server, 'certificate.intended');
    const entry = intended.find(({ object }) => object === certificate.serialNumber.toLowerCase());
    assert.equal(entry?.details.relayedBy, 'ra-1');
  });

  test('what the authority has dealt with inside a message', async () => {
    const message = await content(
      5,
      'signer=signing,signing',
      'pkcs10=1,new,CN=signing',
      unknownControl,
    );
    const ask = async (...fields: string[]) => {
      const reply = await session.ask(byRa, 'batch=5', message, ...fields);
      const der = Buffer.from(reply.answer?.contents[5] ?? '', 'base64');
      return statusesOf({ ...reply, answer: await cmc.answer(der) });
    };
    assert.deepEqual(await ask(), ['failed badRequest 101']);
    assert.deepEqual(await ask('processed=5/101'), ['success 1']);
  });

  test('more requests than a message may have, spread over several', async () => {
    const nine = Array.from({ length: 9 }, (_, i) => `pkcs10=${i + 1},new,CN=signing`);
    const reply = await session.ask(
      byRa,
      'batch=5,6',
      await content(5, 'signer=signing,signing', ...nine),
      await content(6, 'signer=signing,signing', ...nine),
    );
    const inner = async (id: number) => {
      const der = Buffer.from(reply.answer?.contents[id] ?? '', 'base64');
      return statusesOf({ ...reply, answer: await cmc.answer(der) });
    };
    assert.equal((await inner(5)).length, 9);
    assert.deepEqual(await inner(6), ['failed badRequest 0']);
  });

  test('of another tenant’s device; from a device; within a batch; of nothing', async () => {
    const foreign = await content(5, 'signer=stranger,stranger', 'pkcs10=1,new,CN=stranger');
    const reply = await session.ask(byRa, 'batch=5', foreign);
    const der = Buffer.from(reply.answer?.contents[5] ?? '', 'base64');
    assert.deepEqual(statusesOf({ ...reply, answer: await cmc.answer(der) }), [
      'failed badIdentity 1',
    ]);
    const own = await content(5, 'signer=signing,signing', 'pkcs10=1,new,CN=signing');
    const byDevice = await session.ask('signer=signing,signing', 'batch=5', own);
    assert.match(statusesOf(byDevice)[0] ?? '', /^noSupport 10\d$/);
    assert.equal(byDevice.status, 400);
    const nested = await content(
      5,
      byRa,
      'batch=6',
      await content(6, byRa, 'pkcs10=1,new,CN=asked'),
    );
    const outer = await session.ask(byRa, 'batch=5', nested);
    const answer = await cmc.answer(Buffer.from(outer.answer?.contents[5] ?? '', 'base64'));
    assert.match(statusesOf({ ...outer, answer })[0] ?? '', /^noSupport 10\d$/);
    const missing = await session.ask(byRa, 'batch=5,8', own);
    assert.match(statusesOf(missing)[0] ?? '', /^failed badRequest 10\d$/);
  });
});
