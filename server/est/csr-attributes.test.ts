/** Whose announcement a caller gets; the octets are in ca/, the words in enrollment/, the wire in test/integration/. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deviceProfile, registrationAuthorityProfile } from '../../ca/certificate-profile.ts';
import { encodeCsrAttributes } from '../../ca/csr-attributes.ts';
import { Unavailable } from '../../ca/unavailable.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import type { Device, DeviceRole } from '../../enrollment/device.ts';
import type { Group } from '../../enrollment/group.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { announcementOf } from '../../enrollment/request-requirements.ts';
import { attributesAt } from './csr-attributes.ts';
import type { EstExchange } from './exchange.ts';

const profile = { validity: '1d', endpoints: 'none' } as const;
const profiles = {
  device: deviceProfile(profile),
  'registration-authority': registrationAuthorityProfile(profile),
};

function groupWith(label: string, settings: Partial<GroupSettings>): Group {
  return { label, tenant: 'acme', settings: { ...defaultSettings, ...settings } };
}
const own = groupWith('own', { requestParts: ['commonName', 'extKeyUsage'] });
const other = groupWith('other', { requestParts: ['commonName'] });

/** @param identify what becomes of the client certificate */
function exchangeOf(identify: () => Promise<Caller>, group?: Group): EstExchange {
  return {
    request: { socket: { getPeerX509Certificate: () => ({ raw: Buffer.alloc(1) }) } },
    parts: {
      profiles: { of: ({ device }: { device: { role: DeviceRole } }) => profiles[device.role] },
      tenants: { groups: async () => [own, other] },
      authenticators: { certificate: { identify } },
    },
    note: () => {},
    ...(group ? { group } : {}),
  } as unknown as EstExchange;
}

const known =
  (role: DeviceRole, status: Device['status'] = 'active') =>
  async (): Promise<Caller> => ({
    device: { id: 'x', tenant: 'acme', group: 'own', names: [], status, role },
    tenant: { id: 'acme', endpoints: [], suspended: false },
    group: own,
    credential: { kind: 'client-certificate', id: '01' },
  });

function announcing({ settings }: Group, role: DeviceRole = 'device'): Uint8Array {
  const announcement = announcementOf(settings, profiles[role]);
  return encodeCsrAttributes(announcement ?? assert.fail('nothing is required'));
}

describe('without a label', () => {
  test('a device gets what its group requires of a device', async () => {
    assert.deepEqual(await attributesAt(exchangeOf(known('device'))), announcing(own));
  });

  test('a registration authority what is required of it, with its own purposes', async () => {
    const answer = await attributesAt(exchangeOf(known('registration-authority')));
    assert.deepEqual(answer, announcing(own, 'registration-authority'));
    assert.notDeepEqual(answer, announcing(own));
  });

  test('a stranger gets what all groups have in common, and so does who is blocked', async () => {
    const stranger = async () => Promise.reject(unauthenticated('It is not on record.'));
    for (const identify of [stranger, known('device', 'blocked')])
      assert.deepEqual(await attributesAt(exchangeOf(identify)), announcing(other));
  });

  test('while the registry is out of reach nobody is taken for a stranger', async () => {
    const away = new Unavailable('The registry is away.');
    await assert.rejects(attributesAt(exchangeOf(() => Promise.reject(away))), away);
  });
});

test('under a label it is the group’s, whoever asks', async () => {
  for (const group of [own, other])
    assert.deepEqual(
      await attributesAt(exchangeOf(known('registration-authority'), group)),
      announcing(group),
    );
});
