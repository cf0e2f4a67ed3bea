import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkSettings, defaultSettings, type GroupSettings } from './group-settings.ts';

test('the defaults do not contradict each other', () => {
  assert.equal(checkSettings(defaultSettings), defaultSettings);
});

describe('what contradicts itself is refused, and its parts alone are not', () => {
  const oldClients = { challengePassword: 'one-time-password', linking: 'off' } as const;
  const contradictions: Record<
    string,
    [one: Partial<GroupSettings>, other: Partial<GroupSettings>, sentence: RegExp]
  > = {
    'passwords and linking in challengePassword': [
      { linking: 'required' },
      oldClients,
      /excludes linking there: set linking to off/,
    ],
    'passwords in challengePassword where none counts': [
      { credentials: 'certificate' },
      oldClients,
      /challengePassword is a password, which this group does not accept/,
    ],
    'a shared secret for CMC where no password counts': [
      { credentials: 'certificate' },
      { cmcSharedSecret: true },
      /shared secret of CMC is a password/,
    ],
    'otpChallenge required where no password counts': [
      { credentials: 'certificate' },
      { requestParts: ['otpChallenge'] },
      /otpChallenge carries a one-time password/,
    ],
    'a password required and no way to send it': [
      { credentials: 'password' },
      { passwordSchemes: [] },
      /no way to send one/,
    ],
    'a password required beside a certificate and no way to send it': [
      { credentials: 'both' },
      { passwordSchemes: [] },
      /no way to send one/,
    ],
    'factory certificates where a password alone counts': [
      { credentials: 'password' },
      { identity: 'factory-certificate', possession: 'none' },
      /factory certificate is no password/,
    ],
    'factory certificates where a certificate of ours counts beside a password': [
      { credentials: 'both' },
      { identity: 'factory-certificate', possession: 'none' },
      /must be one that was issued here/,
    ],
    'a key made here that is not accepted here': [
      { serverKeys: 'platform', serverKeyType: 'RSA-2048' },
      { keyTypes: ['P-256', 'Ed25519'] },
      /kind of key that this group does not accept/,
    ],
    'pairing codes where no password counts': [
      { credentials: 'certificate' },
      { possession: 'pairing-code' },
      /are passwords, which this group does not accept/,
    ],
    'pairing codes that cannot be sent': [
      { passwordSchemes: ['digest'] },
      { possession: 'pairing-code' },
      /no way to send a pairing code/,
    ],
    'an answer repeated by a certificate where a password was spent beside it': [
      { credentials: 'both' },
      { revokeOld: 'now' },
      /let it end after the new one is used/,
    ],
    'a key made here where a person confirms the device’s own': [
      { trust: 'staging' },
      { serverKeys: 'platform' },
      /confirms the key that a device has/,
    ],
    'a person to confirm who has a certificate already': [
      { trust: 'staging' },
      { credentials: 'both' },
      /the staging area is for first keys/,
    ],
    'hash functions for keys that have their own': [
      { signatureHashes: ['sha256'] },
      { keyTypes: ['Ed25519', 'ML-DSA-65'] },
      /leave the hash functions out/,
    ],
  };
  for (const [what, [one, other, sentence]] of Object.entries(contradictions))
    test(what, () => {
      const both = { ...defaultSettings, ...other, ...one };
      assert.throws(() => checkSettings(both), { name: 'TypeError', message: sentence });
      for (const alone of [one, other]) checkSettings({ ...defaultSettings, ...alone });
    });
});

describe('what may look like a contradiction and is none', () => {
  const accepted: Record<string, Partial<GroupSettings>> = {
    'passwords in the request alone, by otpChallenge': {
      credentials: 'password',
      passwordSchemes: [],
      requestParts: ['otpChallenge'],
    },
    'passwords in the request alone, by challengePassword': {
      credentials: 'both',
      passwordSchemes: [],
      challengePassword: 'one-time-password',
      linking: 'off',
    },
    'pairing codes in the request alone': {
      possession: 'pairing-code',
      passwordSchemes: [],
      requestParts: ['otpChallenge'],
    },
    'no HTTP scheme where a certificate may do': { passwordSchemes: [] },
    'one kind of key that takes the hash functions': {
      keyTypes: ['Ed25519', 'P-256'],
      signatureHashes: ['sha384'],
    },
    'a key made here that is accepted here': {
      serverKeys: 'token',
      serverKeyType: 'P-384',
      keyTypes: ['P-384'],
    },
    'a kind for keys that are not made': { keyTypes: ['Ed25519'], serverKeyType: 'P-256' },
  };
  for (const [what, settings] of Object.entries(accepted))
    test(what, () => {
      checkSettings({ ...defaultSettings, ...settings });
    });
});
