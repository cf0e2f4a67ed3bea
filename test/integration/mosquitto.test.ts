/**
 * From the factory to the broker: two tenants, each with a Mosquitto of its own that trusts our CA, and devices that run the
 * example clients. Each lands on its own tenant's broker by what its certificate says, on another one once it is moved, and
 * on none when it is revoked. The brokers have their certificates by EST as well.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import { publish } from '../../examples/node/broker.mjs';
import { BestowServer } from '../support/bestow.ts';
import { eventually } from '../support/eventually.ts';
import { ExampleDevice, type ExampleKind } from '../support/example-client.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { enlist } from '../support/registry.ts';

const timeout = 120_000;
const tenants = ['acme', 'globex'] as const;
type Tenant = (typeof tenants)[number];
const directory = mkdtempSync(join(tmpdir(), 'bestow-mosquitto-'));
const server = await BestowServer.start();
const cleanUp = new AsyncDisposableStack();
const devices = {} as Record<'pump' | 'meter' | 'valve', ExampleDevice>;
const brokers = {} as Record<Tenant, Mosquitto>;

after(async () => {
  await cleanUp.disposeAsync();
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** The tenant stands in the certificate, so that a broker can tell whose device it is. */
const profile = `name: tenant-device
subject:
  organizationalUnitName: "{tenant}"
  commonName: "{device}"
`;

/** What Mosquitto takes for the user name: RFC 2253, the last attribute first. */
const subjectOf = (device: string, tenant: Tenant) => `CN=${device},OU=${tenant}`;

/** Each of these devices may write below its own name, and nobody may do anything else. */
function aclOf(...users: [device: string, tenant: Tenant][]): string {
  return users
    .map(([id, tenant]) => `user ${subjectOf(id, tenant)}\ntopic write plant/${id}/#\n`)
    .join('');
}

async function newcomer(kind: ExampleKind, id: string, group: string, names: string[] = []) {
  const device = cleanUp.use(new ExampleDevice(kind));
  const tenant = group === 'brokers' ? 'default' : group;
  const { [id]: password } = await enlist(server, { [id]: { group, tenant, names } });
  await device.must([
    'trust',
    `${server.est}/${group}`,
    new X509Certificate(server.root).fingerprint256,
  ]);
  await device.must(['enroll', '-u', id, '-p', '-'], password);
  return device;
}

const currentCrl = async () => (await server.cli('ca', 'crl')).stdout;
const trustOf = (device: ExampleDevice) => ({
  root: device.read('root.pem'),
  device: device.read('device.pem'),
});

before(async () => {
  const file = join(directory, 'tenant-device.yaml');
  writeFileSync(file, profile);
  await server.json('profile', 'set', file, '--activate');
  await withStores({ data: server.data }, async (stores) => {
    const add = (label: string, tenant: string, changes: Partial<GroupSettings>) =>
      stores.tenants.addGroup(
        { label, tenant, settings: { ...defaultSettings, ...changes } },
        'test',
        new Date(),
      );
    await add('brokers', 'default', { profile: 'device-server' });
    for (const id of tenants) {
      await stores.tenants.add({ id, endpoints: [], label: id }, 'test', new Date());
      await stores.tenants.changeSettings(id, { profile: 'tenant-device' }, 'test', new Date());
    }
  });
  const crl = await currentCrl();
  const acls = {
    acme: aclOf(['pump', 'acme'], ['valve', 'acme']),
    globex: aclOf(['meter', 'globex']),
  };
  await Promise.all(
    tenants.map(async (tenant) => {
      const own = await newcomer('shell', `broker-of-${tenant}`, 'brokers', ['DNS:localhost']);
      const files = {
        directory: own.directory,
        certificate: own.at('device.pem'),
        authorities: own.at('cacerts.pem'),
      };
      brokers[tenant] = cleanUp.use(await Mosquitto.start(files, crl, acls[tenant]));
      await server.json('tenant', 'set-endpoint', tenant, brokers[tenant].endpoint);
    }),
  );
  const [pump, valve, meter] = await Promise.all([
    newcomer('shell', 'pump', 'acme'),
    newcomer('node', 'valve', 'acme'),
    newcomer('node', 'meter', 'globex'),
  ]);
  Object.assign(devices, { pump, valve, meter });
});

/** Publishes at the endpoint of its certificate, and that broker alone hears it. */
async function assertLandsAt(tenant: Tenant, device: ExampleDevice, id: string, owner: Tenant) {
  const elsewhere = tenants.find((each) => each !== tenant) ?? tenant;
  const marks = { here: brokers[tenant].log.length, there: brokers[elsewhere].log.length };
  await device.must(['publish', `plant/${id}/state`, 'on']);
  const heard = await eventually(() => {
    const said = brokers[tenant].log.slice(marks.here);
    return said.includes(`'plant/${id}/state', ... (2 bytes)`) && said;
  });
  assert.match(heard, new RegExp(`New client connected .*u'${subjectOf(id, owner)}'`));
  assert.doesNotMatch(heard, /Denied PUBLISH/);
  assert.ok(!brokers[elsewhere].log.slice(marks.there).includes('New client connected'));
}

describe('devices and their brokers', { timeout }, () => {
  test('each device lands on the broker of its own tenant', async () => {
    await assertLandsAt('acme', devices.pump, 'pump', 'acme');
    await assertLandsAt('acme', devices.valve, 'valve', 'acme');
    await assertLandsAt('globex', devices.meter, 'meter', 'globex');
    const endpoint = brokers.acme.endpoint;
    assert.equal(await devices.pump.must(['connect']), `${endpoint}\n`);
    assert.match(await devices.valve.must(['show']), new RegExp(`^endpoint=${endpoint}$`, 'm'));
  });

  test('the broker of another tenant knows whose it is, and takes nothing from it', async () => {
    const message = { topic: 'plant/meter/state', text: 'on' };
    const foreign = publish(brokers.acme.endpoint, trustOf(devices.meter), message);
    await assert.rejects(foreign, /refused with reason 0x87/);
    await eventually(() => /Denied PUBLISH .*plant\/meter\/state/.test(brokers.acme.log));
    const posing = { topic: 'plant/pump/state', text: 'off' };
    await assert.rejects(
      publish(brokers.acme.endpoint, trustOf(devices.valve), posing),
      /refused with reason 0x87/,
      'nor does one device write in the name of another',
    );
  });

  test('the broker is known by its name and our CA, and nobody gets in without a certificate', async () => {
    const byAddress = brokers.acme.endpoint.replace('localhost', '127.0.0.1');
    await assert.rejects(publish(byAddress, trustOf(devices.valve)), /altnames|127\.0\.0\.1/i);
    const { root } = trustOf(devices.valve);
    await assert.rejects(publish(brokers.acme.endpoint, { root, device: '' }));
  });

  test('a device that moves to another region lands on the other broker once it has renewed', async () => {
    const policy = join(directory, 'allocation.yaml');
    const misnamed = brokers.globex.endpoint.replace('localhost', '127.0.0.1');
    writeFileSync(
      policy,
      `allocate: region
regionFrom: [{ from: registry }]
regions:
  south: { allocate: fixed, endpoints: ["${misnamed}", "${brokers.globex.endpoint}"] }
otherwise: { allocate: tenant }
`,
    );
    await server.json('allocation', 'set', 'acme', policy);
    await server.json('device', 'set', 'pump', '--region', 'south');
    await assertLandsAt('acme', devices.pump, 'pump', 'acme');

    await eventually(async () => {
      await devices.pump.must(['renew', '-f']);
      return (await devices.pump.must(['show'])).includes(brokers.globex.endpoint);
    });
    const { stdout, stderr } = await devices.pump.run(['connect']);
    assert.match(
      stderr,
      /127\.0\.0\.1:\d+: .*(mismatch|verify)/,
      'a broker by a name that is not its own',
    );
    assert.equal(stdout, `${brokers.globex.endpoint}\n`, 'the next in order of preference');
    const refused = await devices.pump.run(['publish', 'plant/pump/state', 'on']);
    assert.equal(refused.exitCode, 1, 'it is not on the list of that broker yet');
    assert.match(refused.stderr, /Not authorized/);
    brokers.globex.write(await currentCrl(), aclOf(['meter', 'globex'], ['pump', 'acme']));
    await brokers.globex.reload();
    await assertLandsAt('globex', devices.pump, 'pump', 'acme');
  });

  test('a tenant that has another broker gets its devices there as they renew', async () => {
    await server.json('tenant', 'set-endpoint', 'globex', brokers.acme.endpoint);
    await devices.meter.must(['renew', '-f']);
    brokers.acme.write(await currentCrl(), aclOf(['valve', 'acme'], ['meter', 'globex']));
    await brokers.acme.reload();
    await assertLandsAt('acme', devices.meter, 'meter', 'globex');
  });

  test('a revoked device is refused by the CRL, and the others are not', async () => {
    const { serialNumber } = new X509Certificate(devices.valve.read('device.pem'));
    await server.json('cert', 'revoke', serialNumber.toLowerCase(), '--reason', 'keyCompromise');
    await assertLandsAt('acme', devices.valve, 'valve', 'acme');
    brokers.acme.write(await currentCrl(), aclOf(['valve', 'acme'], ['meter', 'globex']));
    await brokers.acme.reload();
    const refused = await devices.valve.run(['publish', 'plant/valve/state', 'on']);
    assert.equal(refused.exitCode, 75);
    assert.match(refused.stderr, /certificate.revoked/);
    await eventually(() => /certificate verify failed|revoked/.test(brokers.acme.log));
    await assertLandsAt('acme', devices.meter, 'meter', 'globex');
    assert.equal((await devices.valve.run(['renew', '-f'])).exitCode, 1, 'nor does it get another');
  });
});
