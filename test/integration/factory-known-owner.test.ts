/**
 * Ten thousand devices in a factory's list, shipped to a hundred customers and switched on anywhere: each finds its own
 * customer's endpoint in its certificate. And where the owner's word is a password beside the factory certificate.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readCertificate } from '../../ca/certificate.ts';
import { defaultEndpointArc, endpointsIn } from '../../ca/extensions/upstream-endpoints.ts';
import { withStores } from '../../cli/data.ts';
import { provisioningTemplate } from '../../enrollment/provisioning-templates.ts';
import { BestowServer } from '../support/bestow.ts';
import { type CurlCredentials, type CurlDevice, curlDevice } from '../support/curl-device.ts';
import { FactoryCa } from '../support/factory-ca.ts';

const customers = 100;
const devices = 10_000;
const customerOf = (device: number) => `customer-${device % customers}`;

describe('a factory, its list and its customers', () => {
  let server: BestowServer;
  let device: CurlDevice;
  const maker = new FactoryCa();
  const by = (serial: string): CurlCredentials => {
    const { chainFile, keyFile } = maker.device(serial);
    return { certificateFile: chainFile, key: keyFile };
  };

  before(async () => {
    server = await BestowServer.start();
    device = curlDevice(server);
    const template = provisioningTemplate('factory-known-owner');
    assert.ok(template);
    await withStores({ data: server.data }, async ({ tenants }) => {
      for (let i = 0; i < customers; i++) {
        const id = customerOf(i);
        const endpoints = [`mqtts://${id}.example:8883`];
        await tenants.add({ id, endpoints, label: id }, 'test', new Date());
        await tenants.changeSettings(id, template.settings, 'test', new Date());
      }
    });
    const trust = ['--anchor', maker.anchorFile, '--serial-from', 'subject:serialNumber'];
    const added = await server.cli('manufacturer', 'add', 'maker', ...trust);
    assert.equal(added.exitCode, 0, added.stderr);
    const rows = Array.from({ length: devices }, (_, i) => `maker,SN${i},${customerOf(i)}`);
    const list = join(server.data, 'list.csv');
    writeFileSync(list, ['manufacturer,serial,tenant', ...rows, ''].join('\n'));
    const imported = await server.cli('device', 'import', list);
    assert.equal(imported.exitCode, 0, imported.stderr);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    device[Symbol.dispose]();
    maker[Symbol.dispose]();
  });

  // Without a label: the device knows the address of the server and nothing of its customer.
  for (const at of [0, 4_217, devices - 1])
    test(`device ${at} finds ${customerOf(at)}`, async () => {
      const request = device.request(device.key(), '/');
      const answer = await device.enroll('simpleenroll', request, by(`SN${at}`));
      assert.equal(answer.status, 200, answer.body);
      const certificate = new X509Certificate(device.certificateIn(answer));
      assert.match(certificate.subject, new RegExp(`serialNumber=SN${at}$`));
      assert.deepEqual(endpointsIn(readCertificate(certificate.raw), defaultEndpointArc), [
        `mqtts://${customerOf(at)}.example:8883`,
      ]);
    });

  test('another customer’s label, and a number that is in no list, get nothing', async () => {
    const request = device.request(device.key(), '/');
    const foreign = await device.enroll('customer-8/simpleenroll', request, by('SN7'));
    assert.equal(foreign.status, 403);
    assert.match(foreign.body, /lists no device SN7/);
    const unknown = await device.enroll('simpleenroll', request, by(`SN${devices}`));
    assert.equal(unknown.status, 403);
  });

  test('a device that no order list brought has no owner yet', async () => {
    const known = ['--manufacturer', 'maker', '--serial-number', 'HAND-1'];
    await server.json('device', 'add', 'by-hand', '--tenant', 'customer-3', ...known);
    const request = device.request(device.key(), '/');
    const answer = await device.enroll('simpleenroll', request, by('HAND-1'));
    assert.equal(answer.status, 403);
    assert.match(answer.body, /came in by no order list.*bestow device import/);
  });

  test('a password is no way around the factory certificate', async () => {
    const refused = await server.cli('otp', 'create', '--device', 'by-hand');
    assert.equal(refused.exitCode, 2, refused.stderr);
    assert.match(refused.stderr, /possession order-list/);
  });

  test('where the owner has a password, neither is enough without the other', async () => {
    const template = ['--template', 'factory-and-password'];
    await server.json('group', 'add', 'both', '--tenant', 'customer-1', ...template);
    const passwords: Record<string, string> = {};
    for (const id of ['both-1', 'both-2']) {
      const known = ['--manufacturer', 'maker', '--serial-number', id.toUpperCase()];
      await server.json('device', 'add', id, '--group', 'both', ...known);
      passwords[id] = await server.password(id);
    }
    const user = (id: string) => ({ user: [id, passwords[id] ?? ''] as const });
    const request = device.request(device.key(), '/');
    const enroll = (credentials: CurlCredentials) =>
      device.enroll('both/simpleenroll', request, credentials);
    const [own, others] = [by('BOTH-1'), by('BOTH-2')];
    assert.equal((await enroll(own)).status, 401, 'the factory certificate alone');
    assert.equal((await enroll(user('both-1'))).status, 401, 'the password alone');
    assert.equal((await enroll({ ...own, ...user('both-2') })).status, 401, 'another’s password');
    assert.equal((await enroll({ ...others, ...user('both-1') })).status, 401, 'another’s device');
    const issued = await enroll({ ...own, ...user('both-1') });
    assert.equal(issued.status, 200, issued.body);
    const { subject } = new X509Certificate(device.certificateIn(issued));
    assert.equal(subject, 'CN=both-1\nserialNumber=BOTH-1');
  });
});
