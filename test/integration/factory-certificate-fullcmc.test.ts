/**
 * /fullcmc over a connection with a factory certificate: it enrolls, and does nothing else.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { withStores } from '../../cli/data.ts';
import { parseFieldSource } from '../../enrollment/field-source.ts';
import { FactoryCa } from '../support/factory-ca.ts';
import { FullCmc, statusesOf } from '../support/full-cmc.ts';

let session: FullCmc;
const maker = new FactoryCa();
before(async () => {
  session = await FullCmc.start(
    { makers: { identity: 'factory-certificate', possession: 'none' } },
    {},
  );
  await withStores({ data: session.server.data }, async ({ devices, manufacturers }) => {
    const manufacturer = {
      id: 'maker',
      anchors: [derOf(maker.anchorFile)],
      intermediates: [],
      serialFrom: parseFieldSource('subject:serialNumber', 'serial'),
      models: [],
      tenants: [],
    };
    await manufacturers.add(manufacturer, 'test', new Date());
    const device = { id: 'pump', tenant: 'default', group: 'makers', names: [] };
    const made = { manufacturer: 'maker', serialNumber: 'S1' };
    await devices.add({ ...device, ...made }, 'test', new Date());
  });
});
after(async () => {
  await session[Symbol.asyncDispose]();
  maker[Symbol.dispose]();
});

const derOf = (file: string) =>
  Buffer.from(readFileSync(file, 'latin1').replaceAll(/-----[^-]+-----/g, ''), 'base64');

test('a factory certificate enrolls by /fullcmc, and revokes nothing', async () => {
  const { chainFile, keyFile } = maker.device('S1');
  const identity = {
    certificate: readFileSync(chainFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
  };
  const { cmc } = session;
  await cmc.key('pump', 'P-256');
  const message = await cmc.message('self=pump', 'pkcs10=1,pump,CN=pump', 'nonce=01');
  assert.deepEqual(statusesOf(await session.send(message)), ['failed badIdentity 1']);
  const reply = await session.send(message, identity);
  assert.deepEqual(statusesOf(reply), ['success 1'], reply.body);
  const issued = (reply.answer?.certificates ?? [])
    .map((text) => new X509Certificate(Buffer.from(text, 'base64')))
    .find(({ subject }) => subject === 'CN=pump\nserialNumber=S1');
  assert.ok(issued);

  await cmc.certificate('pump', issued.raw);
  const revocation = await cmc.message('none=yes', 'revoke=pump,1');
  const refused = await session.send(revocation, identity);
  assert.deepEqual(statusesOf(refused), ['failed badIdentity 101']);
  assert.equal(refused.status, 403);
  const own = { certificate: issued.toString(), key: await cmc.privateKey('pump') };
  assert.deepEqual(statusesOf(await session.send(revocation, own)), ['success 101']);
});
