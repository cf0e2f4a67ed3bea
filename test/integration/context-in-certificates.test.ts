/**
 * What the registry knows of a device stands in its certificate where the profile says so: it comes from nowhere else, a
 * renewal keeps what the certificate says, and changeSubjectName brings what the registry says by now.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeName, type NameAttribute } from '../../ca/distinguished-name.ts';
import { dotted } from '../../ca/object-identifiers.ts';
import type { PlaceChange } from '../../enrollment/device.ts';
import { assertRefused as assertRefusedBy } from '../support/assert-refused.ts';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, type EstAnswer, post } from '../support/est-client.ts';
import { attribute, sequence } from '../support/forged-request.ts';
import { ForgingDevice } from '../support/forging-device.ts';
import { enlist } from '../support/registry.ts';

const timeout = 30_000;
const server = await BestowServer.start();
const directory = mkdtempSync(join(tmpdir(), 'bestow-context-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const assertRefused = assertRefusedBy.bind(undefined, server);

const profile = `name: placed
subject:
  organizationName: "{manufacturer?}"
  organizationalUnitName: ["{site}", "{building?}"]
  localityName: "{region?}"
  commonName: "{device}"
  dnQualifier: "{context.gearbox?}"
subjectAltNames:
  patterns: ["DNS:{device}.{region}.plant.example"]
`;

const full = {
  region: 'eu-1',
  site: 'Hall 7, west (ü)',
  building: 'B2',
  context: { gearbox: 'G-12', empty: '' },
};
const placed = ['OU=Hall 7, west (ü)', 'OU=B2', 'L=eu-1'];

before(async () => {
  const file = join(directory, 'placed.yaml');
  writeFileSync(file, profile);
  await server.json('profile', 'set', file, '--activate');
  await server.json(...['group', 'add', 'plant', '--profile', 'placed', '--subject-change', 'on']);
});

let devices = 0;

/** A device of the group, registered with what is known of it, and a request that asks for nothing by name. */
async function newcomer(
  known: Omit<PlaceChange, 'context'> & { context?: Record<string, string> },
) {
  const id = `placed-${++devices}`;
  const names = [`DNS:${id}.eu-1.plant.example`];
  const passwords = await enlist(server, { [id]: { group: 'plant', names, ...(known as object) } });
  return { device: new ForgingDevice(id), basic: { user: id, password: passwords[id] ?? '' } };
}

const empty = sequence();
const ask = (request: Uint8Array, options: object, path = 'simpleenroll'): Promise<EstAnswer> =>
  post(`${server.est}/${path}`, server.root, request, options);
const subjectOf = (certificate: string) => new X509Certificate(certificate).subject.split('\n');

describe('a profile that says where a device is', { timeout }, () => {
  test('takes it from the registry, each value in its attribute', async () => {
    const { device, basic } = await newcomer(full);
    const certificate = certificateOf(await ask(device.request({ subject: empty }), basic));
    assert.deepEqual(
      subjectOf(certificate),
      [...placed, `CN=${device.id}`, 'dnQualifier=G-12'].map(escaped),
    );
    const { stdout } = await server.cli('profile', 'preview', 'placed', '--device', device.id);
    assert.match(stdout, /Subject: OU = "Hall 7, west .*", OU = B2, L = eu-1, CN = placed-1, dnQ/);
  });

  test('and never from a request: another site is refused', async () => {
    const { device, basic } = await newcomer(full);
    const other: NameAttribute[] = [
      { type: 'organizationalUnitName', text: 'Hall 8' },
      { type: 'commonName', text: device.id },
    ];
    const answer = await ask(device.request({ subject: encodeName(other) }), basic);
    await assertRefused(answer, 403, /organizationalUnitName=Hall 8.* is not what the registry/);
  });

  const refused: [what: string, known: Parameters<typeof newcomer>[0], says: RegExp][] = [
    [
      'no site, which the profile insists on',
      { region: 'eu-1' },
      /takes a site, and there is none/,
    ],
    ['a site that the attribute has no room for', { site: 'x'.repeat(65) }, /1 to 64 characters/],
    [
      'a character that the attribute cannot have',
      { site: 'Hall 7', context: { gearbox: 'G_12' } },
      /a character that a dnQualifier cannot have/,
    ],
  ];
  for (const [what, known, says] of refused)
    test(`${what}: refused`, async () => {
      const { device, basic } = await newcomer(known);
      await assertRefused(await ask(device.request({ subject: empty }), basic), 403, says);
    });

  test('a preview shows it for a device that is not there', async () => {
    const { stdout } = await server.cli('profile', 'preview', 'placed');
    assert.match(stdout, /Subject: O = example, OU = example, OU = example, L = example, CN = /);
  });
});

/** As Node.js prints a value with a comma. */
const escaped = (text: string) => text.replaceAll(',', '\\,');

describe('a device whose site changed', { timeout }, () => {
  test('keeps what its certificate says when it renews, and takes the new site by changeSubjectName', async () => {
    const { device, basic } = await newcomer(full);
    const first = certificateOf(await ask(device.request({ subject: empty }), basic));
    await server.json('device', 'set', device.id, '--site', 'Hall 8', '--building', '');
    const name = (site: string, building: string[]): NameAttribute[] => [
      ...[site, ...building].map((text) => ({ type: 'organizationalUnitName', text })),
      { type: 'localityName', text: 'eu-1' },
      { type: 'commonName', text: device.id },
      { type: 'dnQualifier', text: 'G-12' },
    ];
    const old = encodeName(name(full.site, ['B2']));
    const renew = (subject: Uint8Array, asked: object = {}) =>
      ask(
        device.request({ subject, ...asked }),
        { certificate: first, key: device.key },
        'simplereenroll',
      );
    assert.deepEqual(subjectOf(certificateOf(await renew(old))), subjectOf(first));
    await assertRefused(
      await renew(encodeName(name('Hall 8', []))),
      403,
      /is not that of the certificate to be renewed/,
    );
    const changeTo = (site: string) => ({
      attributes: [attribute(dotted.changeSubjectName, sequence(encodeName(name(site, []))))],
    });
    await assertRefused(await renew(old, changeTo('Hall 9')), 403, /is not what the registry/);
    await assertRefused(await renew(old, changeTo(full.site)), 403, /is not what the registry/);
    const changed = certificateOf(await renew(old, changeTo('Hall 8')));
    assert.deepEqual(subjectOf(changed), [
      'OU=Hall 8',
      'L=eu-1',
      `CN=${device.id}`,
      'dnQualifier=G-12',
    ]);
  });

  test('loses the name that its old region was for', async () => {
    const { device, basic } = await newcomer(full);
    const names = [`DNS:${device.id}.eu-1.plant.example`];
    const request = device.request({ subject: empty, names });
    const certificate = certificateOf(await ask(request, basic));
    assert.equal(new X509Certificate(certificate).subjectAltName, names[0]);
    await server.json('device', 'set', device.id, '--region', 'eu-2');
    const held = encodeName([
      ...['Hall 7, west (ü)', 'B2'].map((text) => ({ type: 'organizationalUnitName', text })),
      { type: 'localityName', text: 'eu-1' },
      { type: 'commonName', text: device.id },
      { type: 'dnQualifier', text: 'G-12' },
    ]);
    const answer = await ask(
      device.request({ subject: held, names }),
      { certificate, key: device.key },
      'simplereenroll',
    );
    await assertRefused(answer, 403, /do not fit the patterns of the profile placed/);
  });
});
