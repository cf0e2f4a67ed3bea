/**
 * What else /fullcmc does: revocation (RFC 5272 section 6.11), requests that wait for a person (section 6.13), and what a
 * client says of our answers.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { encode, tags } from '../../ca/der.ts';
import { commonName, sequence } from '../support/forged-request.ts';
import { type CmcReply, FullCmc, issuedTo, statusesOf } from '../support/full-cmc.ts';
import { auditOf } from '../support/registry.ts';

const patient = { group: 'patient' };
const staged = { group: 'staged' };
const session = await FullCmc.start(
  {
    patient: { approval: true, cmcSharedSecret: true },
    staged: { trust: 'staging', cmcSharedSecret: true },
  },
  {
    'ra-1': { role: 'registration-authority' },
    device: {},
    sibling: {},
    stranger: { tenant: 'other' },
    guessed: {},
    waiting: patient,
    rejected: patient,
    impatient: patient,
    newcomer: staged,
    unwanted: staged,
  },
);
after(() => session[Symbol.asyncDispose]());
const { cmc, server } = session;
const secret = 'attribute:1.2.840.113549.1.9.16.2.57:open sesame';

/** Gets the device a further certificate, under a new name in Bouncy Castle. */
async function further(device: string, name: string, ...options: string[]): Promise<string> {
  await cmc.key(name, 'P-256');
  const request = ['pkcs10=1', name, `CN=${device}`, ...options].join(',');
  const reply = await session.ask(`signer=${device},${device}`, request);
  const [certificate] = issuedTo(device, reply);
  assert.ok(certificate, reply.body);
  await cmc.certificate(name, certificate.raw);
  return certificate.serialNumber.toLowerCase();
}

/** Since when the certificate is not to be trusted. */
async function invalidityDateOf(serialNumber: string) {
  const { invalidityDate } = await server.json<{ invalidityDate?: string }>(
    ...['cert', 'show', serialNumber],
  );
  return invalidityDate;
}

async function revocationOf(serialNumber: string) {
  const { revokedAt, revocationReason } = await server.json<{
    revokedAt?: string;
    revocationReason?: string;
  }>('cert', 'show', serialNumber);
  return revokedAt === undefined ? undefined : revocationReason;
}

function assertRefused(reply: CmcReply, status: number, expected: RegExp): void {
  assert.match(statusesOf(reply).join(), expected);
  assert.equal(reply.status, status);
}

describe('revocation', () => {
  before(async () => {
    for (const device of ['ra-1', 'device', 'sibling', 'stranger', 'guessed'])
      await session.enroll(device);
  });

  test('by the certificate itself', async () => {
    const serialNumber = await further('device', 'itself');
    const reply = await session.ask('signer=itself,itself', 'revoke=itself,1', 'transaction=3');
    assert.deepEqual(statusesOf(reply), ['success 101']);
    assert.equal(reply.status, 200);
    assert.equal(reply.answer?.transaction, '3');
    assert.equal(await revocationOf(serialNumber), 'keyCompromise');
    const entry = auditOf(server, 'certificate.revoked').find((e) => e.object === serialNumber);
    assert.equal(entry?.actor, 'device');
    assertRefused(
      await session.ask('signer=itself,itself', 'revoke=itself,1'),
      403,
      /^failed badIdentity 0$/,
    );
  });

  test('by another certificate of the device, with a new one asked for in the same message', async () => {
    const serialNumber = await further('device', 'lost');
    await cmc.key('replacement', 'P-256');
    const reply = await session.ask(
      'signer=device,device',
      'pkcs10=1,replacement,CN=device',
      'revoke=lost,4',
    );
    assert.deepEqual(statusesOf(reply), ['success 1', 'success 101']);
    assert.equal(issuedTo('device', reply).length, 1);
    assert.equal(await revocationOf(serialNumber), 'superseded');
    // Again, it is as it was.
    const again = await session.ask('signer=device,device', 'revoke=lost,5');
    assert.deepEqual(statusesOf(again), ['success 101']);
    assert.equal(await revocationOf(serialNumber), 'superseded');
    // But that the key is lost too is still worth knowing.
    const lost = await session.ask('signer=device,device', 'revoke=lost,1');
    assert.deepEqual(statusesOf(lost), ['success 101']);
    assert.equal(await revocationOf(serialNumber), 'keyCompromise');
  });

  test('by a registration authority of the tenant, and not of another', async () => {
    const serialNumber = await further('device', 'relayed');
    const reply = await session.ask('signer=ra-1,ra-1', 'revoke=relayed,5');
    assert.deepEqual(statusesOf(reply), ['success 101']);
    assert.equal(await revocationOf(serialNumber), 'cessationOfOperation');
    assertRefused(
      await session.ask('signer=ra-1,ra-1', 'revoke=stranger,5'),
      403,
      /^failed badIdentity 101$/,
    );
  });

  test('since a time that is past; one to come says nothing, since the revocation counts at once', async () => {
    const leaked = await further('device', 'leaked');
    await session.ask('signer=device,device', 'revoke=leaked,1,,20260131120000Z');
    assert.equal(await revocationOf(leaked), 'keyCompromise');
    assert.equal(await invalidityDateOf(leaked), '2026-01-31T12:00:00.000Z');
    const ahead = await further('device', 'ahead');
    await session.ask('signer=device,device', 'revoke=ahead,1,,99991231235959Z');
    assert.equal(await revocationOf(ahead), 'keyCompromise');
    assert.equal(await invalidityDateOf(ahead), undefined);
  });

  test('by a connection of the device, with a message that nobody signed', async () => {
    const serialNumber = await further('device', 'connected');
    const message = await cmc.message('none=yes', 'revoke=connected,0');
    const reply = await session.send(message, await session.tlsIdentity('device'));
    assert.deepEqual(statusesOf(reply), ['success 101']);
    assert.equal(await revocationOf(serialNumber), 'unspecified');
  });

  test('by the secret of its request, with a message that nobody signed', async () => {
    const serialNumber = await further('device', 'secret', secret);
    const wrong = await session.ask('none=yes', 'revoke=secret,1,open barley');
    assertRefused(wrong, 403, /^failed badIdentity 101$/);
    assert.equal(await revocationOf(serialNumber), undefined);
    const reply = await session.ask('none=yes', 'revoke=secret,1,open sesame');
    assert.deepEqual(statusesOf(reply), ['success 101']);
    assert.equal(await revocationOf(serialNumber), 'keyCompromise');
    assert.equal(issuedTo('device', reply).length, 0);
    const entry = auditOf(server, 'certificate.revoked').find((e) => e.object === serialNumber);
    assert.equal(entry?.actor, 'device by revocationChallenge');
  });

  test('wrong secrets are failed authentications: they lead to a pause', async () => {
    const serialNumber = await further('guessed', 'guessed-2', secret);
    const guess = (word: string) => session.ask('none=yes', `revoke=guessed-2,1,${word}`);
    for (let i = 0; i < 5; i++) assert.equal((await guess(`guess ${i}`)).status, 403);
    const paused = await guess('open sesame');
    assertRefused(paused, 429, /^failed tryLater 101$/);
    assert.equal(await revocationOf(serialNumber), undefined);
  });

  test('by another device, by nobody, by a password: refused, and the rest with it', async () => {
    const serialNumber = await further('device', 'kept');
    await cmc.key('not-issued', 'P-256');
    const refused = [
      await session.ask('signer=sibling,sibling', 'revoke=kept,1'),
      await session.ask('signer=sibling,sibling', 'revoke=kept,1,guess'),
      await session.ask('none=yes', 'revoke=kept,1'),
    ];
    for (const reply of refused) assertRefused(reply, 403, /^failed badIdentity 101$/);
    const password = await server.password('device');
    const message = await cmc.message('none=yes', 'revoke=kept,1');
    assertRefused(
      await session.send(message, { user: 'device', password }),
      403,
      /^failed badIdentity 101$/,
    );
    const together = await session.ask(
      'signer=sibling,sibling',
      'pkcs10=1,not-issued,CN=sibling',
      'revoke=kept,1',
    );
    assertRefused(together, 403, /^failed badIdentity 101,failed badRequest 1$/);
    assert.equal(await revocationOf(serialNumber), undefined);
    assert.deepEqual(issuedTo('sibling', together), []);
  });

  test('of what is no certificate of ours; for a reason that no device has', async () => {
    await cmc.certificate('cmc', Buffer.from(await foreignCertificate(), 'base64'));
    const foreign = await session.ask('signer=device,device', 'revoke=cmc,1');
    assertRefused(foreign, 400, /^failed badCertId 101$/);
    const own = await session.ask('signer=device,device', 'revoke=issuer,1');
    assertRefused(own, 400, /^failed badCertId 101$/);
    const serialNumber = await further('device', 'namesake');
    const byName = await session.ask(
      'signer=device,device',
      revokeRequest('Other CA', serialNumber),
    );
    assertRefused(byName, 400, /^failed badCertId 101$/);
    assert.equal(await revocationOf(serialNumber), undefined);
    const hold = await session.ask('signer=device,device', 'revoke=device,6');
    assertRefused(hold, 400, /^failed badRequest 101$/);
  });
});

/** A revokeRequest control for a certificate of any issuer. */
function revokeRequest(issuer: string, serialNumber: string): string {
  const serial = encode(tags.integer, Buffer.from(serialNumber, 'hex'));
  const value = sequence(commonName(issuer), serial, encode(0x0a, Uint8Array.of(1)));
  return `control=1.3.6.1.5.5.7.7.17,${Buffer.from(value).toString('base64')}`;
}

/** The certificate that signs our answers is of this issuer, and of no device. */
async function foreignCertificate(): Promise<string> {
  const reply = await session.ask('signer=device,device', 'confirm=device');
  const all = reply.answer?.certificates ?? [];
  const issuer = session.issuing.replaceAll(/-----[^-]+-----|\s/g, '');
  return all.find((certificate) => certificate !== issuer) ?? '';
}

describe('a group whose certificates a person approves', () => {
  const proof = (device: string) => [
    `identification=${device}`,
    `secret=${session.password(device)}`,
  ];
  const ask = (device: string) =>
    session.ask(
      `self=${device}`,
      `pkcs10=7,${device},CN=${device}`,
      ...proof(device),
      'transaction=8',
    );
  const query = (device: string, token: string, ...fields: string[]) =>
    session.ask(`self=${device}`, `query=${token}`, ...proof(device), 'transaction=8', ...fields);

  function pendingIn(reply: CmcReply): { token: string; time: string } {
    assert.equal(reply.status, 202, reply.body);
    assert.match(reply.headers['retry-after'] ?? '', /^\d+$/);
    assert.equal(reply.headers['content-type'], 'application/pkcs7-mime; smime-type=CMC-response');
    assert.equal(reply.answer?.transaction, '8');
    const [status] = reply.answer?.statuses ?? [];
    assert.ok(status?.token && status.time);
    return { token: status.token, time: status.time };
  }

  async function decide(verb: string, device: string, ...args: string[]): Promise<void> {
    const pending = await server.json<{ id: string; device: string }[]>('pending', 'list');
    const { id } = pending.find((each) => each.device === device) ?? {};
    await server.json('pending', verb, id ?? '', ...args);
  }

  before(async () => {
    for (const key of ['waiting', 'rejected', 'impatient', 'new', 'newcomer', 'unwanted'])
      await cmc.key(key, 'P-256');
  });

  test('pending, asked for by its token, issued', async () => {
    const first = await ask('waiting');
    assert.deepEqual(statusesOf(first), ['pending 7']);
    const { token, time } = pendingIn(first);
    const still = await query('waiting', token);
    assert.match(statusesOf(still).join(), /^pending 10\d$/);
    // RFC 5272 section 6.13: the pendInfo stays what it was.
    assert.deepEqual(pendingIn(still), { token, time });
    await decide('approve', 'waiting');
    const issued = await query('waiting', token);
    assert.match(statusesOf(issued).join(), /^success 10\d$/);
    assert.equal(issued.status, 200);
    const [certificate] = issuedTo('waiting', issued);
    assert.ok(certificate);
    // Asked for again, by token or by the request itself, it is the same certificate.
    for (const again of [await query('waiting', token), await ask('waiting')])
      assert.equal(issuedTo('waiting', again)[0]?.serialNumber, certificate.serialNumber);
  });

  test('rejected, with the reason', async () => {
    const { token } = pendingIn(await ask('rejected'));
    await decide('reject', 'rejected', '--reason', 'The pump is scrapped.');
    const reply = await query('rejected', token);
    assertRefused(reply, 403, /^failed badRequest 10\d$/);
    assert.match(reply.answer?.statuses[0]?.text ?? '', /The pump is scrapped\./);
  });

  test('in a staging area, its key waits for a person, and one decision is enough', async () => {
    const { token } = pendingIn(await ask('newcomer'));
    assert.match(statusesOf(await query('newcomer', token)).join(), /^pending 10\d$/);
    await decide('approve', 'newcomer');
    const issued = await query('newcomer', token);
    const [certificate] = issuedTo('newcomer', issued);
    assert.ok(certificate, issued.body);
    const [again] = issuedTo('newcomer', await ask('newcomer'));
    assert.equal(again?.serialNumber, certificate.serialNumber);

    const { token: second } = pendingIn(await ask('unwanted'));
    await decide('reject', 'unwanted', '--reason', 'Not one of ours.');
    const refused = await query('unwanted', second);
    assertRefused(refused, 403, /^failed badRequest 10\d$/);
    assert.match(refused.answer?.statuses[0]?.text ?? '', /Not one of ours\./);
  });

  test('a token is its owner’s, and stays as it is', async () => {
    const { token } = pendingIn(await ask('impatient'));
    await decide('approve', 'impatient');
    await server.json('device', 'add', 'thief', '--group', 'patient');
    const password = await server.password('thief');
    const stolen = ['identification=thief', `secret=${password}`];
    const second = await server.password('impatient');
    const renewed = ['identification=impatient', `secret=${second}`];
    const changed = `${token.slice(0, -2)}${token.endsWith('00') ? '01' : '00'}`;
    const refused: [CmcReply, number, RegExp][] = [
      // With another key, which is that of no request.
      [
        await session.ask('self=new', `query=${token}`, ...proof('impatient')),
        400,
        /^failed badMessageCheck 0$/,
      ],
      // With the right key and another’s password.
      [await session.ask('self=impatient', `query=${token}`, ...stolen), 403, /badIdentity 101$/],
      // With another password of the same device.
      [await session.ask('self=impatient', `query=${token}`, ...renewed), 403, /badIdentity 101$/],
      // By a device with a certificate.
      [await session.ask('signer=device,device', `query=${token}`), 403, /badIdentity 101$/],
      [await query('impatient', changed), 400, /^failed badRequest 101$/],
      [await query('impatient', '00'), 400, /^failed badRequest 101$/],
      // Without any proof of who asks.
      [await session.ask('self=impatient', `query=${token}`), 401, /^failed badIdentity 101$/],
    ];
    for (const [reply, status, expected] of refused) assertRefused(reply, status, expected);
    const issued = await query('impatient', token);
    assert.equal(issuedTo('impatient', issued).length, 1);
  });
});

describe('what a client says of our answers', () => {
  test('that it accepts its certificate', async () => {
    const reply = await session.ask('signer=device,device', 'confirm=device', 'nonce=01');
    assert.deepEqual(statusesOf(reply), ['success 101']);
    assert.equal(reply.status, 200);
    assertRefused(
      await session.ask('signer=device,device', 'confirm=sibling'),
      400,
      /^failed badCertId 101$/,
    );
  });

  test('that it gives up', async () => {
    const reply = await session.ask('signer=device,device', 'status=failed', 'nonce=01');
    assert.deepEqual(statusesOf(reply), ['success 101']);
  });
});
