import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { CertificatePlan } from '../ca/certificate-plan.ts';
import { deviceProfile, registrationAuthorityProfile } from '../ca/certificate-profile.ts';
import { ClientCertificateValidator } from '../ca/client-certificate.ts';
import { readDer } from '../ca/der.ts';
import { encodeSubject, readName } from '../ca/distinguished-name.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import type { OpenStores } from '../storage/stores.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import type { Caller } from './authenticator.ts';
import { CertificateAuthenticator } from './by-certificate.ts';
import type { DeviceRole } from './device.ts';
import type { Group } from './group.ts';
import { defaultSettings } from './group-settings.ts';
import { isRegistrationAuthority } from './is-registration-authority.ts';
import { subscriberOf, withCertificateToRenew } from './registration-authority.ts';

const config = { validity: '90d', endpoints: 'none' } as const;
const profiles = {
  device: deviceProfile(config),
  'registration-authority': registrationAuthorityProfile(config),
  'no purpose': { ...deviceProfile(config), extendedKeyUsage: [] },
};
const now = new Date();
let ca: SoftwareCa;
let stores: OpenStores;
let authenticator: CertificateAuthenticator;
let wingB: Group;
let counter = 0;

before(async () => {
  // A CA of a few years, so that certificates can also be issued in its past.
  ca = await makeSoftwareCa({ now: new Date(now.getTime() - 2 * 365 * 86_400_000) });
  stores = await openFreshStores();
  wingB = { label: 'wing-b', tenant: 'acme', settings: defaultSettings };
  await stores.tenants.addGroup(wingB, 'test', now);
  const validator = new ClientCertificateValidator({ certificates: [ca.issuing] });
  authenticator = new CertificateAuthenticator(validator, stores.ledger, stores.devices);
});
after(() => stores.close());

interface Newcomer {
  readonly tenant?: string;
  readonly group?: string;
  readonly role?: DeviceRole;
}

async function add({ tenant = 'acme', group = tenant, ...rest }: Newcomer = {}): Promise<string> {
  const id = `device-${++counter}`;
  await stores.devices.add({ id, tenant, group, names: [], ...rest }, 'test', now);
  return id;
}

function issue(
  changes: Partial<CertificatePlan>,
  { ledger = stores.ledger, clock }: { ledger?: IssuanceLedger; clock?: () => Date } = {},
) {
  const { issuing: issuer, signer } = ca;
  const parts = { issuer, signer, ledger, serialPrefix: 1, ...(clock ? { clock } : {}) };
  return new CertificateAuthority(parts).issue(makePlan(changes));
}

/** A newcomer who authenticates with a certificate of this profile. */
async function callerWith(
  role: DeviceRole,
  profile: keyof typeof profiles,
  group?: Group,
): Promise<Caller> {
  const subscriber = await add({ role });
  const { certificate } = await issue({ subscriber, profile: profiles[profile] });
  return authenticator.identify({ certificate, ...(group ? { group } : {}) });
}
const anRa = () => callerWith('registration-authority', 'registration-authority');

function named(id: string) {
  const subject = encodeSubject({ commonName: id });
  return { subject, subjectAttributes: readName(readDer(subject)) };
}
const mismatch = { name: 'Refusal', code: 'identity-mismatch' };

describe('a registration authority is known by two things', () => {
  const rows: [role: DeviceRole, profile: keyof typeof profiles, is: boolean][] = [
    ['registration-authority', 'registration-authority', true],
    ['registration-authority', 'device', false],
    ['registration-authority', 'no purpose', false],
    ['device', 'registration-authority', false],
    ['device', 'device', false],
  ];
  for (const [role, profile, is] of rows)
    test(`role ${role} with a certificate for ${profile}: ${is ? 'yes' : 'no'}`, async () => {
      const caller = await callerWith(role, profile);
      assert.equal(isRegistrationAuthority(caller), is);
      // Who is none asks for itself, whatever the request says; the decision then refuses it.
      const target = await add();
      const subscriber = await subscriberOf(caller, named(target), undefined, stores.devices);
      assert.equal(subscriber.device.id, is ? target : caller.device.id);
    });

  test('with a password it is a device like any other', async () => {
    const { certificate, ...caller } = await anRa();
    assert.ok(certificate);
    assert.equal(isRegistrationAuthority(caller), false);
  });
});

describe('the label', () => {
  test('may be any of its tenant for a registration authority', async () => {
    await callerWith('registration-authority', 'registration-authority', wingB);
  });

  test('is that of its own group for a device', async () => {
    await assert.rejects(callerWith('device', 'device', wingB), { code: 'unauthenticated' });
  });

  test("is no other tenant's", async () => {
    const group = { label: 'globex', tenant: 'globex', settings: defaultSettings };
    await assert.rejects(callerWith('registration-authority', 'registration-authority', group), {
      code: 'unauthenticated',
    });
  });
});

describe('for whom it asks', () => {
  test('a device of its tenant: all is the device’s but the credential', async () => {
    const ra = await anRa();
    const id = await add({ group: 'wing-b' });
    const known = await stores.devices.find(id);
    for (const group of [undefined, wingB])
      assert.deepEqual(await subscriberOf(ra, named(id), group, stores.devices), {
        ...known,
        credential: { kind: 'registration-authority', id: ra.credential.id },
        relayedBy: ra.device,
      });
  });

  test('itself: like any device', async () => {
    const ra = await anRa();
    const caller = await subscriberOf(ra, named(ra.device.id), undefined, stores.devices);
    assert.equal(caller, ra);
  });

  const refused: Record<string, () => Promise<string>> = {
    'a device that nobody knows': async () => 'nobody',
    "another tenant's device": () => add({ tenant: 'globex' }),
    'another registration authority': () => add({ role: 'registration-authority' }),
  };
  for (const [what, target] of Object.entries(refused))
    test(`not ${what}`, async () => {
      const request = named(await target());
      await assert.rejects(
        subscriberOf(await anRa(), request, undefined, stores.devices),
        mismatch,
      );
    });

  test('not a device of another group than the path names', async () => {
    const request = named(await add());
    await assert.rejects(subscriberOf(await anRa(), request, wingB, stores.devices), mismatch);
  });

  test('not without a name', async () => {
    const request = { subjectAttributes: [{ type: 'serialNumber', text: '42' }] };
    await assert.rejects(subscriberOf(await anRa(), request, undefined, stores.devices), {
      ...mismatch,
      message: /must name the device/,
    });
  });

  test('not a blocked device', async () => {
    const id = await add();
    await stores.devices.setStatus(id, 'blocked', 'test', now);
    const caller = await subscriberOf(await anRa(), named(id), undefined, stores.devices);
    const asked = { caller, profile: profiles.device };
    assert.throws(() => authorizedOrder('enroll', asked), { code: 'device-blocked' });
  });
});

describe('the certificate it asks to renew', () => {
  /** The device as a registration authority's caller. */
  async function relayed(id: string): Promise<Caller> {
    return subscriberOf(await anRa(), named(id), undefined, stores.devices);
  }
  const renew = (caller: Caller, request = named(caller.device.id)) =>
    withCertificateToRenew(caller, request, stores.ledger, new Date());

  test('is the latest of the device with that subject', async () => {
    const id = await add();
    const { subject } = named(id);
    await issue({ subscriber: id, subject });
    const foundRegions = { network: 'eu' };
    const latest = await issue({ subscriber: id, subject, foundRegions });
    await issue({ subscriber: id, subject: encodeSubject({ commonName: id, serialNumber: '1' }) });
    const { certificate, foundRegions: found } = await renew(await relayed(id));
    assert.deepEqual(certificate, readCertificate(latest.certificate));
    assert.deepEqual(found, foundRegions);
  });

  const unfit: Record<string, (subscriber: string, subject: Uint8Array) => Promise<unknown>> = {
    none: async () => {},
    'a revoked one': async (subscriber, subject) => {
      const { serialNumber } = await issue({ subscriber, subject });
      const order = { reason: 'superseded', at: now, by: 'test' } as const;
      await stores.ledger.revoke(ca.issuing.id, serialNumber, order);
    },
    'an expired one': async (subscriber, subject) => {
      const clock = () => new Date(now.getTime() - 91 * 86_400_000);
      await stores.ledger.acceptClock(clock(), 'test');
      await issue({ subscriber, subject }, { clock });
    },
    'one that was never signed': async (subscriber, subject) => {
      ca.signer.reachable = false;
      await assert.rejects(issue({ subscriber, subject }));
      ca.signer.reachable = true;
    },
    "another device's with that subject": async (_, subject) =>
      issue({ subscriber: await add(), subject }),
    'one with another subject': (subscriber) => issue({ subscriber }),
  };
  for (const [what, prepare] of Object.entries(unfit))
    test(`refused with ${what}`, async () => {
      const id = await add();
      const caller = await relayed(id);
      await prepare(id, named(id).subject);
      await assert.rejects(renew(caller), mismatch);
      await issue({ subscriber: id, subject: named(id).subject });
      assert.ok((await renew(caller)).certificate);
    });

  test('is that of the connection for whoever asks for itself', async () => {
    const ra = await anRa();
    assert.equal(await renew(ra), ra);
  });
});
