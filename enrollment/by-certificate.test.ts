import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { CertificatePlan } from '../ca/certificate-plan.ts';
import { deviceProfile, tlsServerProfile } from '../ca/certificate-profile.ts';
import { ClientCertificateValidator } from '../ca/client-certificate.ts';
import type { IssuanceLedger, RevocationReason } from '../ca/issuance-ledger.ts';
import { signStructure } from '../ca/sign-structure.ts';
import type { OpenStores } from '../storage/stores.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import type { Caller } from './authenticator.ts';
import { authorize } from './authorize.ts';
import { CertificateAuthenticator } from './by-certificate.ts';
import type { DeviceRole } from './device.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { defaultSettings } from './group-settings.ts';

let ca: SoftwareCa;
let stores: OpenStores;
let authenticator: CertificateAuthenticator;
let counter = 0;

before(async () => {
  // A CA of a few years, so that certificates can also be issued in its past.
  ca = await makeSoftwareCa({ now: new Date(Date.now() - 2 * 365 * 86_400_000) });
  stores = await openFreshStores();
  const validator = new ClientCertificateValidator({ certificates: [ca.issuing] });
  authenticator = new CertificateAuthenticator(validator, stores.ledger, stores.devices);
});
after(() => stores.close());

async function issue(
  changes: Partial<CertificatePlan>,
  { ledger = stores.ledger, clock }: { ledger?: IssuanceLedger; clock?: () => Date } = {},
) {
  const { issuing: issuer, signer } = ca;
  const parts = { issuer, signer, ledger, serialPrefix: 1, ...(clock ? { clock } : {}) };
  return new CertificateAuthority(parts).issue(makePlan(changes));
}

/** A new device of the tenant acme. */
async function newDevice(): Promise<string> {
  const id = `device-${++counter}`;
  await stores.devices.add({ id, tenant: 'acme', names: [] }, 'test', new Date());
  return id;
}

const unauthenticated = { name: 'Refusal', code: 'unauthenticated' };

describe('who is known by a certificate', () => {
  test('the device it was issued to', async () => {
    const subscriber = await newDevice();
    const { certificate, serialNumber } = await issue({ subscriber });
    const caller = await authenticator.identify({ certificate });
    assert.equal(caller.device.id, subscriber);
    assert.equal(caller.tenant.id, 'acme');
    assert.deepEqual(caller.credential, { kind: 'client-certificate', id: serialNumber });
    assert.equal(caller.certificate?.serialNumber, serialNumber);
    assert.equal(caller.spentOn, undefined);
  });

  test('whatever its subject says: the record counts', async () => {
    const [subscriber, other] = [await newDevice(), await newDevice()];
    assert.notEqual(subscriber, other);
    // makePlan's subject names neither.
    const { certificate } = await issue({ subscriber });
    assert.equal((await authenticator.identify({ certificate })).device.id, subscriber);
  });

  test('with the regions that are on record with its certificate', async () => {
    const foundRegions = { certificate: 'eu' };
    const { certificate } = await issue({ subscriber: await newDevice(), foundRegions });
    const caller = await authenticator.identify({ certificate });
    assert.deepEqual(caller.foundRegions, foundRegions);
  });

  test('on the path of its group', async () => {
    const { certificate } = await issue({ subscriber: await newDevice() });
    await authenticator.identify({ certificate, group: groupOf('acme') });
    const group = groupOf('globex');
    await assert.rejects(authenticator.identify({ certificate, group }), unauthenticated);
  });
});

/** Who is identified may yet be barred. */
const mayConsult = (caller: Caller) =>
  authorize({ operation: 'consult', caller, called: undefined });
const groupOf = (label: string) => ({ label, tenant: 'acme', settings: defaultSettings });

describe('who is not', () => {
  const rows: [what: string, certificate: () => Promise<Uint8Array>][] = [
    [
      'with an expired certificate',
      async () => {
        const clock = () => new Date(Date.now() - 86_400_000);
        const profile = deviceProfile({ validity: '1h', endpoints: 'none' });
        const subscriber = await newDevice();
        await stores.ledger.acceptClock(clock(), 'test');
        return (await issue({ subscriber, profile }, { clock })).certificate;
      },
    ],
    [
      'with a certificate that is not on record',
      async () => {
        const ledger = memoryLedger();
        return (await issue({ subscriber: await newDevice() }, { ledger })).certificate;
      },
    ],
    [
      'with a certificate whose intent was never fulfilled',
      async () => {
        const ledger: IssuanceLedger = Object.assign(Object.create(stores.ledger), {
          recordIntent: stores.ledger.recordIntent.bind(stores.ledger),
          latestEntry: async () => undefined,
          recordCertificate: async (_key: unknown, certificate: Uint8Array) => certificate,
        });
        return (await issue({ subscriber: await newDevice() }, { ledger })).certificate;
      },
    ],
    [
      'with a second signature over the same octets',
      async () => {
        const { serialNumber } = await issue({ subscriber: await newDevice() });
        const record = await stores.ledger.find(ca.issuing.id, serialNumber);
        assert.ok(record);
        return signStructure(record.toBeSigned, ca.signer);
      },
    ],
    ['with a certificate of no device', async () => (await issue({})).certificate],
    [
      'with our own server’s certificate',
      async () => (await issue({ profile: tlsServerProfile })).certificate,
    ],
    ['with the CA’s certificate', async () => ca.issuing.der],
    [
      'with a certificate of a CA of the same name',
      async () => {
        const { issuing: issuer, signer } = await makeSoftwareCa();
        const { ledger } = stores;
        const impostor = new CertificateAuthority({ issuer, signer, ledger, serialPrefix: 1 });
        return (await impostor.issue(makePlan({ subscriber: await newDevice() }))).certificate;
      },
    ],
    ['with no certificate at all', async () => new Uint8Array()],
  ];
  for (const [what, certificate] of rows)
    test(what, async () => {
      const der = await certificate();
      await assert.rejects(authenticator.identify({ certificate: der }), unauthenticated);
    });

  test('with a revoked certificate, at the next request', async () => {
    const { certificate, serialNumber } = await issue({ subscriber: await newDevice() });
    await authenticator.identify({ certificate });
    const order = { reason: 'keyCompromise', at: new Date(), by: 'test' } as const;
    await stores.ledger.revoke(ca.issuing.id, serialNumber, order);
    await assert.rejects(authenticator.identify({ certificate }), {
      code: 'certificate-revoked',
      message: /keyCompromise/,
    });
  });

  test('with a certificate on hold, until it is released', async () => {
    const { certificate, serialNumber } = await issue({ subscriber: await newDevice() });
    const order = { reason: 'certificateHold', at: new Date(), by: 'test' } as const;
    await stores.ledger.revoke(ca.issuing.id, serialNumber, order);
    await assert.rejects(authenticator.identify({ certificate }), {
      code: 'certificate-revoked',
      message: /on hold/,
    });
    await stores.ledger.release(ca.issuing.id, serialNumber, order);
    await authenticator.identify({ certificate });
  });

  test('when it is a registration authority in a group that asks for a password as well', async () => {
    const subscriber = await newDevice();
    const { certificate } = await issue({ subscriber });
    const identifyAs = (role: DeviceRole, credentials: 'either' | 'both') => {
      const devices: DeviceRegistry = Object.assign(Object.create(stores.devices), {
        find: async (id: string) => {
          const known = (await stores.devices.find(id)) ?? assert.fail();
          const settings = { ...defaultSettings, credentials };
          return {
            ...known,
            device: { ...known.device, role },
            group: { ...known.group, settings },
          };
        },
      });
      const validator = new ClientCertificateValidator({ certificates: [ca.issuing] });
      const strict = new CertificateAuthenticator(validator, stores.ledger, devices);
      return strict.identify({ certificate });
    };
    const consult = async (...as: Parameters<typeof identifyAs>) =>
      mayConsult(await identifyAs(...as));
    await consult('device', 'both');
    await consult('registration-authority', 'either');
    await assert.rejects(consult('registration-authority', 'both'), {
      ...unauthenticated,
      message: /is refused: The group acme asks for a certificate and a one-time password/,
    });
  });

  test('when the device is blocked, and again when it is not', async () => {
    const subscriber = await newDevice();
    const { certificate } = await issue({ subscriber });
    await stores.devices.setStatus(subscriber, 'blocked', 'test', new Date());
    const blocked = await authenticator.identify({ certificate });
    assert.throws(() => mayConsult(blocked), { code: 'device-blocked' });
    await stores.devices.setStatus(subscriber, 'active', 'test', new Date());
    mayConsult(await authenticator.identify({ certificate }));
  });

  test('when the device was removed, also when another of its name came', async () => {
    const subscriber = await newDevice();
    const { certificate } = await issue({ subscriber });
    await stores.devices.remove(subscriber, 'test', new Date());
    await assert.rejects(authenticator.identify({ certificate }), {
      code: /^(unauthenticated|certificate-revoked)$/,
    });
    await stores.devices.add({ id: subscriber, tenant: 'globex', names: [] }, 'test', new Date());
    await assert.rejects(authenticator.identify({ certificate }), { code: 'certificate-revoked' });
  });

  test('when the tenant is suspended', async () => {
    const { certificate } = await issue({ subscriber: await newDevice() });
    // No command suspends a tenant yet, so the registry's answer is changed on its way.
    const registry = Object.assign(Object.create(stores.devices), {
      find: async (id: string) => {
        const known = await stores.devices.find(id);
        return known && { ...known, tenant: { ...known.tenant, suspended: true } };
      },
    });
    const validator = new ClientCertificateValidator({ certificates: [ca.issuing] });
    const strict = new CertificateAuthenticator(validator, stores.ledger, registry);
    const caller = await strict.identify({ certificate });
    assert.throws(() => mayConsult(caller), { code: 'tenant-suspended' });
  });
});

describe('a certificate that takes the place of another', () => {
  const renew = async () => {
    const subscriber = await newDevice();
    const old = await issue({ subscriber });
    const renewed = await issue({ subscriber, supersedes: old.serialNumber });
    const reasonOf = async () =>
      (await stores.ledger.find(ca.issuing.id, old.serialNumber))?.revocationReason;
    return { subscriber, old, renewed, reasonOf };
  };

  test('ends it when it is used for the first time, and no sooner', async () => {
    const { old, renewed, reasonOf } = await renew();
    await authenticator.identify(old);
    assert.equal(await reasonOf(), undefined);
    await authenticator.identify(renewed);
    assert.equal(await reasonOf(), 'superseded');
    await assert.rejects(authenticator.identify(old), { code: 'certificate-revoked' });
    await authenticator.identify(renewed);
  });

  test('writes that once', async () => {
    const { renewed } = await renew();
    let writes = 0;
    const ledger: IssuanceLedger = Object.assign(Object.create(stores.ledger), {
      find: stores.ledger.find.bind(stores.ledger),
      supersede: (...args: Parameters<IssuanceLedger['supersede']>) => {
        writes++;
        return stores.ledger.supersede(...args);
      },
    });
    const validator = new ClientCertificateValidator({ certificates: [ca.issuing] });
    const counting = new CertificateAuthenticator(validator, ledger, stores.devices);
    for (let i = 0; i < 3; i++) await counting.identify(renewed);
    assert.equal(writes, 1);
  });

  test('leaves it alone while its device is blocked', async () => {
    const { subscriber, renewed, reasonOf } = await renew();
    await stores.devices.setStatus(subscriber, 'blocked', 'test', new Date());
    await authenticator.identify(renewed);
    assert.equal(await reasonOf(), undefined);
  });
});

describe('whose a superseded certificate was', () => {
  const revoked = { name: 'Refusal', code: 'certificate-revoked' };
  async function revokedFor(reason: RevocationReason | undefined) {
    const subscriber = await newDevice();
    const { certificate, serialNumber } = await issue({ subscriber });
    if (reason) {
      const order = { reason, at: new Date(), by: 'test' };
      await stores.ledger.revoke(ca.issuing.id, serialNumber, order);
    }
    return { certificate, subscriber };
  }

  test('is known, and it identifies nobody', async () => {
    const { certificate, subscriber } = await revokedFor('superseded');
    const { formerly } = await authenticator.holderOfSuperseded({ certificate });
    assert.equal(formerly.device.id, subscriber);
    await assert.rejects(authenticator.identify({ certificate }), revoked);
  });

  for (const reason of ['keyCompromise', 'certificateHold', 'unspecified', undefined] as const)
    test(`is not asked of one that is ${reason ?? 'good'}`, async () => {
      const { certificate } = await revokedFor(reason);
      await assert.rejects(authenticator.holderOfSuperseded({ certificate }), revoked);
    });

  test('is not told on the path of another group', async () => {
    const { certificate } = await revokedFor('superseded');
    const group = groupOf('globex');
    await assert.rejects(authenticator.holderOfSuperseded({ certificate, group }), unauthenticated);
  });
});
