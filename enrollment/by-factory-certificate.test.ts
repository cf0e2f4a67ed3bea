import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { readCertificate } from '../ca/certificate.ts';
import type { OpenStores } from '../storage/stores.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import {
  extension,
  type ForgedCa,
  type ForgedDevice,
  forgeCa,
  forgeDevice,
  hardwareModule,
  subjectOf,
} from '../test/support/forged-factory.ts';
import { sequence } from '../test/support/forged-request.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { devicesFor90Days } from '../test/support/software-ca.ts';
import { FactoryCertificateAuthenticator } from './by-factory-certificate.ts';
import { parseFieldSource } from './field-source.ts';
import type { Group } from './group.ts';
import { checkManufacturer, type Manufacturer, requireApart } from './manufacturer.ts';

let stores: OpenStores;
let authenticator: FactoryCertificateAuthenticator;
let maker: ForgedCa;
let picky: ForgedCa;
let counter = 0;

const manufacturerOf = (id: string, anchor: ForgedCa): Manufacturer => ({
  id,
  anchors: [anchor.der],
  intermediates: [],
  serialFrom: parseFieldSource('subject:serialNumber', 'serial'),
  models: [],
  tenants: [],
});

before(async () => {
  stores = await openFreshStores();
  maker = await forgeCa('Maker');
  picky = await forgeCa('Picky');
  const listed = { identity: 'factory-certificate', possession: 'none' } as const;
  for (const label of ['acme', 'globex'])
    await stores.tenants.changeSettings(label, listed, 'test', new Date());
  const makers: Manufacturer[] = [
    manufacturerOf('maker', maker),
    {
      ...manufacturerOf('picky', picky),
      serialFrom: parseFieldSource('subject:commonName=Pump-{serial}', 'serial'),
      modelFrom: parseFieldSource('san:hwType', 'model'),
      models: ['2.23.133.1.2'],
      tenants: ['acme'],
    },
  ];
  for (const each of makers) await stores.manufacturers.add(each, 'test', new Date());
  authenticator = new FactoryCertificateAuthenticator(stores.manufacturers);
});
after(() => stores.close());

async function newDevice(manufacturer = 'maker', tenant = 'acme'): Promise<string> {
  const id = `device-${++counter}`;
  const device = { id, tenant, names: [], manufacturer, serialNumber: `S${id}` };
  assert.equal((await stores.devices.add(device, 'test', new Date())).kind, 'added');
  return id;
}

const identify = ({ der }: ForgedDevice, group?: Group, chain: Uint8Array[] = []) =>
  authenticator.identify({
    certificate: der,
    chain,
    source: '192.0.2.1',
    requestId: 'r',
    ...(group ? { group } : {}),
  });
const groupOf = async (label: string) => {
  const group = await stores.tenants.groupOf(label);
  assert.ok(group);
  return group;
};
const refused = (code: string, sentence: RegExp) => ({ name: 'Refusal', code, message: sentence });

describe('a factory certificate', () => {
  test('identifies the device that the registry lists, by its key', async () => {
    const id = await newDevice();
    const device = await forgeDevice(`S${id}`, maker);
    const caller = await identify(device, await groupOf('acme'));
    assert.equal(caller.device.id, id);
    assert.deepEqual(caller.credential, {
      kind: 'factory-certificate',
      id: hash('sha256', device.publicKey, 'hex'),
    });
    assert.equal(caller.certificate, undefined, 'there is nothing to be renewed');
    // By it a group's policy may choose the region.
    assert.deepEqual(caller.factorySubject, readCertificate(device.der).subject);
    assert.equal((await identify(device)).device.id, id, 'without a label');
  });

  test('of a device that is not listed, or elsewhere, gets one answer', async () => {
    const id = await newDevice('maker', 'globex');
    const sentence = (serial: string) =>
      refused(
        'factory-certificate-refused',
        new RegExp(`^The registry lists no device ${serial} of maker in the group acme\\.$`),
      );
    const group = await groupOf('acme');
    await assert.rejects(identify(await forgeDevice('S0', maker), group), sentence('S0'));
    const elsewhere = await forgeDevice(`S${id}`, maker);
    await assert.rejects(identify(elsewhere, group), sentence(`S${id}`));
    assert.equal((await identify(elsewhere, await groupOf('globex'))).device.id, id);
  });

  test('of another manufacturer with the same number is another device', async () => {
    const id = await newDevice();
    const device = await forgeDevice('x', picky, {
      subject: subjectOf(['commonName', `Pump-S${id}`]),
      extensions: [tpm()],
    });
    await assert.rejects(identify(device), refused('factory-certificate-refused', /of picky/));
  });

  test('of a manufacturer that is no longer for the tenant', async () => {
    const strict = await forgeCa('Strict');
    const made = { ...manufacturerOf('strict', strict), tenants: ['acme'] };
    await stores.manufacturers.add(made, 'test', new Date());
    const id = await newDevice('strict');
    const device = await forgeDevice(`S${id}`, strict);
    assert.equal((await identify(device)).device.id, id);
    const narrowed = new FactoryCertificateAuthenticator({
      ...pick(stores.manufacturers),
      list: async () => [{ ...made, tenants: ['globex'] }],
    });
    const credentials = { certificate: device.der, chain: [], source: 's', requestId: 'r' };
    await assert.rejects(
      narrowed.identify(credentials),
      refused('factory-certificate-refused', /lists no device/),
    );
  });

  test('where the group takes none identifies nobody', async () => {
    const id = await newDevice();
    const device = await forgeDevice(`S${id}`, maker);
    const off = { identity: 'registered', possession: 'one-time-password' } as const;
    await stores.tenants.changeSettings('acme', off, 'test', new Date());
    const answer = refused('unauthenticated', /acme accepts no factory certificates/);
    await assert.rejects(identify(device), answer);
    await assert.rejects(identify(device, await groupOf('acme')), answer);
    const listed = { identity: 'factory-certificate', possession: 'none' } as const;
    await stores.tenants.changeSettings('acme', listed, 'test', new Date());
  });

  test('of a blocked device is refused', async () => {
    const id = await newDevice();
    await stores.devices.setStatus(id, 'blocked', 'test', new Date());
    const device = await forgeDevice(`S${id}`, maker);
    const caller = await identify(device);
    const asked = { caller, profile: devicesFor90Days };
    assert.throws(() => authorizedOrder('enroll', asked), { code: 'device-blocked' });
  });

  test('whose path is not good identifies nobody', async () => {
    const id = await newDevice();
    const device = await forgeDevice(`S${id}`, await forgeCa('Maker'));
    await assert.rejects(identify(device), refused('unauthenticated', /not signed by the key/));
  });

  test('with another key than the pinned one is refused and reported', async () => {
    const id = await newDevice();
    const [first, copy] = [await forgeDevice(`S${id}`, maker), await forgeDevice(`S${id}`, maker)];
    const { credential } = await identify(first);
    await stores.ledger.recordIntent({
      issuer: 'i',
      serialNumber: `01${counter}`,
      toBeSigned: Uint8Array.of(0),
      publicKeyDigest: `key-${id}`,
      requestDigest: `request-${id}`,
      profile: 'device',
      subscriber: id,
      credential,
      notBefore: new Date(),
      notAfter: new Date(Date.now() + 1e6),
      requestId: 'r',
      recordedAt: new Date(),
    });
    assert.equal((await identify(first)).device.id, id);
    await assert.rejects(identify(copy), refused('factory-certificate-refused', /another key/));
    const device = (await stores.devices.find(id))?.device;
    assert.equal(device?.foreignFactoryKey, hash('sha256', copy.publicKey, 'hex'));
  });

  const tpm = (type = '2.23.133.1.2') =>
    extension('subjectAltName', sequence(hardwareModule(Uint8Array.of(1), type)));

  test('is read where its manufacturer writes, and of its models alone', async () => {
    const id = await newDevice('picky');
    const subject = subjectOf(['commonName', `Pump-S${id}`]);
    const good = await forgeDevice('x', picky, { subject, extensions: [tpm()] });
    assert.equal((await identify(good)).device.id, id);
    const cases: Record<string, [RegExp, Parameters<typeof forgeDevice>[2]]> = {
      'another model': [/model 1\.2\.3/, { subject, extensions: [tpm('1.2.3')] }],
      'no model': [/has no hardwareModuleName/, { subject, extensions: [] }],
      'no number': [
        /does not fit/,
        { subject: subjectOf(['commonName', 'Valve']), extensions: [tpm()] },
      ],
      'a number that is none': [
        /cannot be a serial number/,
        { subject: subjectOf(['commonName', `Pump-${'9'.repeat(65)}`]), extensions: [tpm()] },
      ],
    };
    for (const [what, [sentence, parts]] of Object.entries(cases))
      await assert.rejects(
        identify(await forgeDevice('x', picky, parts)),
        refused('factory-certificate-refused', sentence),
        what,
      );
  });
});

/** The methods of a store, which stand on its class. */
function pick(directory: OpenStores['manufacturers']): OpenStores['manufacturers'] {
  return {
    add: directory.add.bind(directory),
    find: directory.find.bind(directory),
    list: directory.list.bind(directory),
    remove: directory.remove.bind(directory),
    deviceOf: directory.deviceOf.bind(directory),
    reportForeignKey: directory.reportForeignKey.bind(directory),
    reset: directory.reset.bind(directory),
  };
}

describe('what can be no manufacturer', () => {
  const cases: [RegExp, Partial<Manufacturer>][] = [
    [/cannot be a manufacturer's id/, { id: 'Maker' }],
    [/needs a trust anchor/, { anchors: [] }],
    [/cannot be a trust anchor/, { anchors: [Uint8Array.of(0x30, 0)] }],
    [/cannot be an intermediate/, { intermediates: [Uint8Array.of(0x30, 0)] }],
    [/where a certificate names its model/, { models: ['a'] }],
    [/at most 32 trust anchors/, { anchors: Array.from({ length: 33 }, () => Uint8Array.of(0)) }],
  ];
  for (const [sentence, changes] of cases)
    test(String(sentence), () =>
      assert.throws(
        () => checkManufacturer({ ...manufacturerOf('maker', maker), ...changes }),
        (error) => error instanceof TypeError && sentence.test(error.message),
      ),
    );

  test('one whose key is of our own CA', () => {
    const made = manufacturerOf('maker', maker);
    requireApart(made, [readCertificate(picky.der)]);
    assert.throws(() => requireApart(made, [readCertificate(maker.der)]), /own CA/);
  });
});
