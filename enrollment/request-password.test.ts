import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Challenges } from '../ca/request-attributes.ts';
import { defaultSettings } from './group-settings.ts';
import { passwordIn, type RequestPassword } from './request-password.ts';

const usual = { label: 'usual', tenant: 't', settings: defaultSettings };
const old = {
  label: 'old',
  tenant: 't',
  settings: { ...defaultSettings, linking: 'off', challengePassword: 'one-time-password' },
} as const;
const binding = 'channel binding';
const find = (challenges: Challenges, groups = [usual, old]) =>
  passwordIn(challenges, groups, (text) => text === binding);

describe('the one-time password in a request', () => {
  const otpChallenge: RequestPassword = { password: 'secret', carrier: 'otpChallenge' };
  const challengePassword: RequestPassword = { password: 'secret', carrier: 'challengePassword' };
  const rows: [
    what: string,
    challenges: Challenges,
    groups: (typeof usual | typeof old)[],
    found: RequestPassword | undefined,
  ][] = [
    ['is in otpChallenge', { otpChallenge: 'secret' }, [usual], otpChallenge],
    ['is in otpChallenge also for old clients', { otpChallenge: 'secret' }, [old], otpChallenge],
    [
      'is in challengePassword for old clients',
      { challengePassword: 'secret' },
      [old],
      challengePassword,
    ],
    [
      'may be in challengePassword where one of the groups has old clients',
      { challengePassword: 'secret' },
      [usual, old],
      challengePassword,
    ],
    ['is not in challengePassword otherwise', { challengePassword: 'secret' }, [usual], undefined],
    ['is not linking information', { challengePassword: binding }, [usual, old], undefined],
    [
      'is in otpChallenge beside linking information',
      { challengePassword: binding, otpChallenge: 'secret' },
      [usual, old],
      otpChallenge,
    ],
    [
      'is in otpChallenge whatever challengePassword says where that is linking',
      { challengePassword: 'other', otpChallenge: 'secret' },
      [usual],
      otpChallenge,
    ],
    ['is in both', { challengePassword: 'secret', otpChallenge: 'secret' }, [old], otpChallenge],
    ['is not in estIdentityLinking', { estIdentityLinking: 'secret' }, [old], undefined],
    ['is not in revocationChallenge', { revocationChallenge: 'secret' }, [old], undefined],
    ['is nowhere', {}, [old], undefined],
  ];
  for (const [what, challenges, groups, found] of rows)
    test(what, () => assert.deepEqual(find(challenges, groups as (typeof usual)[]), found));

  test('is refused when its two carriers disagree', () => {
    const challenges = { challengePassword: 'secret', otpChallenge: 'other' };
    assert.throws(() => find(challenges), {
      name: 'Refusal',
      code: 'malformed-request',
      message: /different one-time passwords/,
    });
  });
});
