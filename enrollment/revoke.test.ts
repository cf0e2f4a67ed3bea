import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { OpenStores } from '../storage/stores.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { oneIssuer } from '../test/support/one-issuer.ts';
import { makePlan, makeSoftwareCa } from '../test/support/software-ca.ts';
import type { Caller } from './authenticator.ts';
import { RevocationChallenges } from './revocation-challenge.ts';
import { type RevocationOrder, type RevocationParts, requireRevocable, revoke } from './revoke.ts';

const challenges = new RevocationChallenges(Buffer.alloc(32, 1));
let stores: OpenStores;
let parts: RevocationParts;
let authority: CertificateAuthority;
let counter = 0;

before(async () => {
  stores = await openFreshStores({ perCredentialAndSource: 3, perCredential: 4 });
  const { issuing, signer } = await makeSoftwareCa();
  const { ledger, devices } = stores;
  for (const [id, tenant] of [
    ['device', 'acme'],
    ['sibling', 'acme'],
    ['stranger', 'globex'],
  ] as const)
    await devices.add({ id, tenant, names: [] }, 'test', new Date());
  authority = new CertificateAuthority({ issuer: issuing, signer, ledger, serialPrefix: 1 });
  parts = {
    issuers: oneIssuer(authority, {}),
    ledger,
    devices,
    failures: stores.oneTimePasswords,
    revocationChallenges: challenges,
  };
});
after(() => stores.close());

/** Serial number of a fresh certificate. */
async function certify(
  subscriber: string | undefined = 'device',
  secret?: string,
): Promise<string> {
  const { serialNumber } = await authority.issue(
    makePlan({
      ...(subscriber === 'nobody' ? {} : { subscriber }),
      ...(secret === undefined ? {} : { revocationChallenge: challenges.conceal(secret) }),
    }),
  );
  return serialNumber;
}

async function callerOf(
  id: string,
  kind: Caller['credential']['kind'] = 'client-certificate',
): Promise<Caller> {
  const known = await stores.devices.find(id);
  assert.ok(known);
  return { ...known, credential: { kind, id: 'credential-1' } };
}

function orderFor(serialNumber: string, changes: Partial<RevocationOrder> = {}): RevocationOrder {
  return {
    serialNumber,
    reason: 'keyCompromise',
    called: undefined,
    source: `source-${++counter}`,
    requestId: 'request-1',
    ...changes,
  };
}

const notPermitted = { code: 'revocation-not-permitted' };

describe('who may', () => {
  test('a certificate of the same device', async () => {
    const serialNumber = await certify();
    const order = orderFor(serialNumber, { caller: await callerOf('device') });
    const revocable = await requireRevocable(order, parts);
    assert.equal(
      (await stores.ledger.find(authority.issuer.id, serialNumber))?.revokedAt,
      undefined,
    );
    const record = await revoke(revocable, order, parts);
    assert.equal(record?.revocationReason, 'keyCompromise');
  });

  test('not another device, nor one of another tenant, nor a password of the device itself', async () => {
    const serialNumber = await certify();
    for (const caller of [
      await callerOf('sibling'),
      await callerOf('stranger'),
      await callerOf('device', 'one-time-password'),
      await callerOf('device', 'registration-authority'),
    ])
      await assert.rejects(
        requireRevocable(orderFor(serialNumber, { caller }), parts),
        notPermitted,
      );
    await assert.rejects(requireRevocable(orderFor(serialNumber), parts), notPermitted);
  });

  test('nobody, what is no device’s or not there', async () => {
    const caller = await callerOf('device');
    for (const serialNumber of [await certify('nobody'), '00'])
      await assert.rejects(requireRevocable(orderFor(serialNumber, { caller }), parts), {
        code: 'unknown-certificate',
      });
  });
});

describe('by secret', () => {
  test('the one of that certificate, and of no other', async () => {
    const serialNumber = await certify('device', 'open sesame');
    await certify('device', 'open barley');
    for (const secret of ['open barley', '', 'OPEN SESAME'])
      await assert.rejects(
        requireRevocable(orderFor(serialNumber, { secret }), parts),
        notPermitted,
      );
    const { by } = await requireRevocable(orderFor(serialNumber, { secret: 'open sesame' }), parts);
    assert.equal(by, 'device by revocationChallenge');
  });

  test('where none was registered, none fits', async () => {
    const serialNumber = await certify();
    for (const secret of ['', 'undefined', 'null'])
      await assert.rejects(
        requireRevocable(orderFor(serialNumber, { secret }), parts),
        notPermitted,
      );
  });

  test('it also helps who is known and may not', async () => {
    const serialNumber = await certify('device', 'open sesame');
    const caller = await callerOf('sibling');
    await requireRevocable(orderFor(serialNumber, { caller, secret: 'open sesame' }), parts);
  });

  test('failures are counted, from one source and from everywhere', async () => {
    const serialNumber = await certify('device', 'open sesame');
    const guess = (source: string) =>
      requireRevocable(orderFor(serialNumber, { secret: 'guess', source }), parts);
    const right = (source: string) =>
      requireRevocable(orderFor(serialNumber, { secret: 'open sesame', source }), parts);
    for (let i = 0; i < 3; i++) await assert.rejects(guess('here'), notPermitted);
    await assert.rejects(right('here'), { code: 'too-many-failures' });
    await right('there');
    await assert.rejects(guess('there'), notPermitted);
    await assert.rejects(right('elsewhere'), { code: 'too-many-failures' });
    // Whoever is entitled by a certificate waits for nobody’s guesses.
    const caller = await callerOf('device');
    await requireRevocable(orderFor(serialNumber, { caller, source: 'here' }), parts);
  });
});
