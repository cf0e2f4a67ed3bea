import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkSettings, defaultSettings, type GroupSettings } from './group-settings.ts';
import {
  type Identity,
  identities,
  type Possession,
  possessions,
  type Trust,
  trusts,
} from './provisioning.ts';
import { provisioningTemplates } from './provisioning-templates.ts';

/** Every way to provision that there is; whatever else the three answers say contradicts itself. */
const ways: Record<Identity, Partial<Record<Possession, readonly Trust[]>>> = {
  registered: {
    'one-time-password': ['ca', 'staging'],
    'pairing-code': ['ca', 'staging', 'pairing'],
    'bootstrap-credential': ['ca', 'staging', 'first-use'],
    'shown-code': ['staging'],
    none: ['staging', 'first-use'],
  },
  'factory-certificate': {
    'one-time-password': ['ca', 'staging'],
    'pairing-code': ['ca', 'staging', 'pairing'],
    'order-list': ['ca', 'staging'],
    none: ['ca', 'staging'],
  },
  generated: {
    'bootstrap-credential': ['ca', 'staging'],
    'shown-code': ['staging'],
    none: ['staging'],
  },
  assigned: {
    'bootstrap-credential': ['staging'],
    'shown-code': ['staging'],
    none: ['staging'],
  },
};

const judged = (settings: Partial<GroupSettings>) =>
  checkSettings({ ...defaultSettings, ...settings });

describe('of all answers, those that go together are taken and no others', () => {
  for (const identity of identities)
    for (const possession of possessions)
      for (const trust of trusts) {
        const good = ways[identity][possession]?.includes(trust) ?? false;
        test(`${identity}, ${possession}, ${trust}: ${good ? 'taken' : 'refused'}`, () => {
          const settings = { identity, possession, trust };
          if (good) judged(settings);
          else assert.throws(() => judged(settings), { name: 'TypeError', message: /.{40}/ });
        });
      }
});

describe('each contradiction is told by its reason', () => {
  const told: [settings: Partial<GroupSettings>, reason: RegExp][] = [
    [{ identity: 'generated' }, /made for a device that is registered/],
    [{ identity: 'registered', possession: 'order-list' }, /An order list says whose/],
    [{ identity: 'factory-certificate', possession: 'shown-code' }, /devices that cannot say so/],
    [{ identity: 'assigned', possession: 'none', trust: 'ca' }, /An id is assigned by an operator/],
    [{ possession: 'shown-code', trust: 'first-use' }, /typed by an operator/],
    [{ trust: 'pairing' }, /set possession to pairing-code/],
    [
      { identity: 'generated', possession: 'none', trust: 'first-use' },
      /whoever reaches the server would be trusted/,
    ],
    [
      { identity: 'factory-certificate', possession: 'none', trust: 'first-use' },
      /factory certificate is pinned in any case/,
    ],
    [{ trust: 'first-use' }, /no credential of their own/],
    [{ possession: 'none' }, /Nothing would show that the device is the one it says/],
    [
      { possession: 'none', trust: 'first-use', credentials: 'both' },
      /known by its first key has neither/,
    ],
    [
      { possession: 'none', trust: 'first-use', serverKeys: 'platform' },
      /would make one for whoever asks/,
    ],
    [{ trust: 'staging', approval: true }, /choose one/],
    [
      {
        identity: 'factory-certificate',
        possession: 'none',
        challengePassword: 'one-time-password',
        linking: 'off',
      },
      /challengePassword is a password/,
    ],
    [
      { identity: 'factory-certificate', possession: 'order-list', cmcSharedSecret: true },
      /shared secret of CMC is a password/,
    ],
    [
      { identity: 'factory-certificate', possession: 'none', requestParts: ['otpChallenge'] },
      /otpChallenge carries a one-time password/,
    ],
    [
      { identity: 'generated', possession: 'bootstrap-credential', passwordSchemes: ['digest'] },
      /come by HTTP Basic/,
    ],
  ];
  for (const [settings, reason] of told)
    test(String(reason), () => assert.throws(() => judged(settings), { message: reason }));
});

describe('every template is without contradiction, from whatever the group was before', () => {
  for (const { name, settings } of provisioningTemplates)
    test(name, () => {
      judged(settings);
      for (const other of provisioningTemplates) judged({ ...other.settings, ...settings });
    });
});
