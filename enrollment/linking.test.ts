import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Challenges } from '../ca/request-attributes.ts';
import { defaultSettings, type Linking } from './group-settings.ts';
import { requireLinking } from './linking.ts';

const binding = randomBytes(32);
const good = binding.toString('base64');
const group = (linking: Linking) => ({
  label: 'g',
  tenant: 't',
  settings: { ...defaultSettings, linking },
});
const judge = (linking: Linking, challenges: Challenges, of: Uint8Array | undefined = binding) =>
  requireLinking({ challenges }, { group: group(linking) }, () => of);

describe('in a group of old clients, whose challengePassword is a password', () => {
  const settings = {
    ...defaultSettings,
    linking: 'off',
    challengePassword: 'one-time-password',
  } as const;
  const oldGroup = { label: 'old', tenant: 't', settings };
  const judgeOld = (challenges: Challenges) =>
    requireLinking({ challenges }, { group: oldGroup }, () => binding);

  test('a password is no linking information', () => {
    assert.equal(judgeOld({ challengePassword: 'secret' }), 'absent');
  });

  test('linking information is refused in either carrier, and is to be left out', () => {
    for (const carrier of ['challengePassword', 'estIdentityLinking'] as const)
      assert.throws(() => judgeOld({ [carrier]: good }), {
        code: 'linking-failed',
        message: new RegExp(`^The request carries ${carrier}, .*leave it out`),
      });
  });
});

describe('linking information', () => {
  const accepted: [linking: Linking, challenges: Challenges, proof: string][] = [
    ['optional', {}, 'absent'],
    ['off', {}, 'absent'],
    ['optional', { challengePassword: good }, 'verified'],
    ['optional', { estIdentityLinking: good }, 'verified'],
    ['required', { challengePassword: good, estIdentityLinking: good }, 'verified'],
    ['required', { challengePassword: `${good}\n` }, 'verified'],
  ];
  for (const [linking, challenges, proof] of accepted)
    test(`${linking} with ${Object.keys(challenges).join(' and ') || 'nothing'}: ${proof}`, () => {
      assert.equal(judge(linking, challenges), proof);
    });

  const other = randomBytes(32).toString('base64');
  const refused: Record<string, [linking: Linking, challenges: Challenges, code: string]> = {
    'that is required and not there': ['required', {}, 'linking-required'],
    'of another connection': ['optional', { challengePassword: other }, 'linking-failed'],
    'of another connection in the newer carrier': [
      'optional',
      { estIdentityLinking: other },
      'linking-failed',
    ],
    'that is right in one carrier and wrong in the other': [
      'optional',
      { challengePassword: good, estIdentityLinking: other },
      'linking-failed',
    ],
    'that is a password': ['optional', { challengePassword: 'secret' }, 'linking-failed'],
    'that is a prefix of the right one': [
      'optional',
      { challengePassword: binding.subarray(0, 12).toString('base64') },
      'linking-failed',
    ],
    'that goes on behind the right one': [
      'optional',
      { challengePassword: Buffer.concat([binding, Buffer.of(0)]).toString('base64') },
      'linking-failed',
    ],
    'in hexadecimal': [
      'optional',
      { challengePassword: binding.toString('hex') },
      'linking-failed',
    ],
    'with other characters in it': [
      'optional',
      { challengePassword: `${good}!` },
      'linking-failed',
    ],
    'where none is taken': ['off', { challengePassword: good }, 'linking-failed'],
  };
  for (const [what, [linking, challenges, code]] of Object.entries(refused))
    test(`${what} is refused`, () => {
      assert.throws(() => judge(linking, challenges), { name: 'Refusal', code });
    });

  test('on a connection without channel binding is refused', () => {
    const challenges = { challengePassword: good };
    assert.throws(
      () => requireLinking({ challenges }, { group: group('optional') }, () => undefined),
      {
        code: 'linking-failed',
      },
    );
  });

  test('that is refused for its absence says what is asked for', () => {
    assert.throws(() => judge('required', {}), /Linking of identity and proof of possession/);
  });
});
