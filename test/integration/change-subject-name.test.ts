/**
 * A device takes the names that the registry holds for it now (RFC 7030 section 4.2.2, RFC 6402 section 2.8), where its
 * group accepts that.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { encodeGeneralNames } from '../../ca/general-names.ts';
import { dotted } from '../../ca/object-identifiers.ts';
import { withStores } from '../../cli/data.ts';
import { defaultSettings } from '../../enrollment/group-settings.ts';
import { assertRefused as assertRefusedBy } from '../support/assert-refused.ts';
import { BestowServer } from '../support/bestow.ts';
import {
  call,
  certificateOf,
  certificatesOf,
  type EstAnswer,
  openssl,
  post,
} from '../support/est-client.ts';
import { attribute, commonName, sequence } from '../support/forged-request.ts';
import { type Asked, ForgingDevice } from '../support/forging-device.ts';
import { verifyAsClient } from '../support/issued-certificate.ts';
import { enlist } from '../support/registry.ts';

const timeout = 30_000;
const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());
const assertRefused = assertRefusedBy.bind(undefined, server);
let caCertificates: string;

const [oldName, newName] = ['DNS:old.example', 'DNS:new.example'];

interface Holder {
  readonly certificate: string;
  readonly key: string;
}

before(async () => {
  await withStores({ data: server.data }, ({ tenants }) => {
    const group = { label: 'fixed', tenant: 'default', settings: defaultSettings };
    return tenants.addGroup(group, 'test', new Date());
  });
  await server.json('group', 'set', 'default', '--subject-change', 'on');
  caCertificates = certificatesOf(await call(`${server.est}/cacerts`, server.root)).join('');
});

let devices = 0;

/** A device that has a certificate for its old name, while the registry holds the new one. */
async function renamed(group = 'default'): Promise<Holder & { device: ForgingDevice }> {
  const id = `renamed-${++devices}`;
  const passwords = await enlist(server, { [id]: { group, names: [oldName] } });
  const device = new ForgingDevice(id);
  const basic = { user: id, password: passwords[id] ?? assert.fail() };
  const certificate = certificateOf(await ask(device.request({ names: [oldName] }), basic));
  await withStores({ data: server.data }, (stores) =>
    stores.devices.setNames(id, [newName], 'test', new Date()),
  );
  return { device, certificate, key: device.key };
}

const ask = (request: Uint8Array, options = {}, path = 'simpleenroll'): Promise<EstAnswer> =>
  post(`${server.est}/${path}`, server.root, request, options);
const changeTo = (...components: Uint8Array[]) =>
  attribute(dotted.changeSubjectName, sequence(...components));
const named = (...names: string[]) => encodeGeneralNames(names);

function renew(holder: Holder & { device: ForgingDevice }, asked: Asked): Promise<EstAnswer> {
  const { device, certificate, key } = holder;
  return ask(device.request(asked), { certificate, key }, 'simplereenroll');
}

/** What a relying party sees. */
function namesOf(certificate: string): { subject: string; names: string; critical: boolean } {
  verifyAsClient(certificate, caCertificates);
  const x509 = new X509Certificate(certificate);
  const printed = openssl(['x509', '-noout', '-text'], certificate).toString();
  return {
    subject: x509.subject ?? '',
    names: x509.subjectAltName ?? '',
    critical: printed.includes('X509v3 Subject Alternative Name: critical'),
  };
}

describe('without changeSubjectName', { timeout }, () => {
  test('neither the old name nor the new is renewed', async () => {
    const holder = await renamed();
    await assertRefused(await renew(holder, { names: [oldName] }), 403, /does not hold the names/);
    await assertRefused(await renew(holder, { names: [newName] }), 403, /is not that of the cert/);
  });
});

describe('with changeSubjectName', { timeout }, () => {
  test('the command that sets names, and subject and names change at once', async () => {
    const holder = await renamed();
    const { id } = holder.device;
    const args = ['device', 'set-names', id, newName, 'dns:More.example'];
    const { names } = await server.json<{ names: string[] }>(...args);
    assert.deepEqual(names, ['DNS:more.example', newName]);
    const change = changeTo(commonName(id), named(newName, 'DNS:more.example'));
    const answer = await renew(holder, { names: [oldName], attributes: [change] });
    assert.deepEqual(namesOf(certificateOf(answer)), {
      subject: `CN=${id}`,
      names: 'DNS:new.example, DNS:more.example',
      critical: false,
    });
  });

  test('a subject alone: the names are gone', async () => {
    const holder = await renamed();
    const change = changeTo(commonName(holder.device.id));
    const answer = await renew(holder, { names: [oldName], attributes: [change] });
    assert.deepEqual(namesOf(certificateOf(answer)), {
      subject: `CN=${holder.device.id}`,
      names: '',
      critical: false,
    });
  });

  test('names alone: the subject is empty, and that certificate authenticates and is renewed', async () => {
    const holder = await renamed();
    const nameless = { subject: '', names: 'DNS:new.example', critical: true };
    const asked = { names: [oldName], attributes: [changeTo(named(newName))] };
    const certificate = certificateOf(await renew(holder, asked));
    assert.deepEqual(namesOf(certificate), nameless);

    const next = { ...holder, certificate };
    const rekeyed = new ForgingDevice(holder.device.id);
    const request = { subject: sequence(), names: [newName] };
    const again = certificateOf(
      await renew({ ...next, device: rekeyed, key: holder.key }, request),
    );
    assert.deepEqual(namesOf(again), nameless);
    const withSubject = await renew(next, { names: [newName] });
    await assertRefused(
      withSubject,
      403,
      /subject .* is not that of the certificate to be renewed/,
    );

    const { id } = holder.device;
    const back = [changeTo(commonName(id), named(newName))];
    const restored = certificateOf(await renew(next, { ...request, attributes: back }));
    assert.deepEqual(namesOf(restored), {
      subject: `CN=${id}`,
      names: 'DNS:new.example',
      critical: false,
    });
  });

  test('in /simpleenroll too, with a password or a certificate', async () => {
    const id = `renamed-${++devices}`;
    const { [id]: password } = await enlist(server, { [id]: { names: [newName] } });
    const device = new ForgingDevice(id);
    const attributes = [changeTo(named(newName))];
    const first = await ask(device.request({ attributes }), { user: id, password });
    const certificate = certificateOf(first);
    assert.deepEqual(namesOf(certificate).subject, '');
    const full = await ask(new ForgingDevice(id).request({ names: [newName] }), {
      certificate,
      key: device.key,
    });
    assert.deepEqual(namesOf(certificateOf(full)).subject, `CN=${id}`);
  });
});

describe('changeSubjectName is refused', { timeout }, () => {
  let holder: Holder & { device: ForgingDevice };
  before(async () => {
    holder = await renamed();
  });

  const rows: [what: string, components: Uint8Array[], status: number, reason: RegExp][] = [
    ['an empty SEQUENCE', [], 400, /must hold a subject, a subjectAlt or both/],
    ["another device's subject", [commonName('renamed-1')], 403, /not what the registry holds/],
    ["another device's name", [named('DNS:other.example')], 403, /does not hold the names/],
    ['the name that it lost', [named(oldName)], 403, /does not hold the names/],
  ];
  for (const [what, components, status, reason] of rows)
    test(what, async () => {
      const attributes = [changeTo(...components)];
      await assertRefused(await renew(holder, { names: [oldName], attributes }), status, reason);
    });

  test('when the request itself has the new names already', async () => {
    const attributes = [changeTo(commonName(holder.device.id), named(newName))];
    const answer = await renew(holder, { names: [newName], attributes });
    await assertRefused(answer, 403, /is not that of the certificate to be renewed/);
  });

  test('where the group does not accept it, which is the default', async () => {
    const fixed = await renamed('fixed');
    const attributes = [changeTo(commonName(fixed.device.id), named(newName))];
    const answer = await renew(fixed, { names: [oldName], attributes });
    await assertRefused(answer, 403, /The group fixed does not accept changeSubjectName/);
  });
});
