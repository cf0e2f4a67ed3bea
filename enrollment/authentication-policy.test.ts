import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  objectionTo,
  type Purpose,
  requireCredentials,
  type Shown,
} from './authentication-policy.ts';
import { type CredentialPolicy, defaultSettings, type GroupSettings } from './group-settings.ts';

const groupWith = (settings: Partial<GroupSettings>) => ({
  label: 'line-4',
  tenant: 'acme',
  settings: { ...defaultSettings, ...settings },
});
const basic = { carrier: 'basic', userName: 'device-1' } as const;
const shown = {
  nothing: { certificate: false, passwords: [] },
  certificate: { certificate: true, passwords: [] },
  factory: { certificate: false, factoryCertificate: true, passwords: [] },
  password: { certificate: false, passwords: [basic] },
  both: { certificate: true, passwords: [basic] },
} satisfies Record<string, Shown>;
type What = keyof typeof shown;

/** What is enough, for each policy; everything else is not. */
const enough: Record<CredentialPolicy, Record<Purpose, What[]>> = {
  either: {
    enrollment: ['certificate', 'factory', 'password', 'both'],
    're-enrollment': ['certificate', 'both'],
  },
  password: { enrollment: ['password', 'both'], 're-enrollment': ['certificate', 'both'] },
  certificate: { enrollment: ['certificate', 'factory'], 're-enrollment': ['certificate'] },
  both: { enrollment: ['both'], 're-enrollment': ['both'] },
};

for (const [credentials, purposes] of Object.entries(enough))
  describe(`a group that asks for ${credentials}`, () => {
    const group = groupWith({ credentials: credentials as CredentialPolicy });
    for (const [purpose, accepted] of Object.entries(purposes))
      for (const what of Object.keys(shown) as What[])
        test(`${purpose} with ${what}: ${accepted.includes(what) ? 'yes' : 'no'}`, () => {
          const judge = () => requireCredentials(group, shown[what], purpose as Purpose);
          if (accepted.includes(what)) judge();
          else assert.throws(judge, { name: 'Refusal', code: 'unauthenticated' });
        });
  });

const judge = (settings: Partial<GroupSettings>, ...passwords: Shown['passwords']) =>
  objectionTo(groupWith(settings), { certificate: false, passwords }, 'enrollment');

describe('a password', () => {
  const digest = { carrier: 'digest', userName: 'device-1' } as const;
  const inRequest = { carrier: 'otpChallenge' } as const;

  test('comes by a scheme that is offered', () => {
    assert.equal(judge({ passwordSchemes: ['basic'] }, basic), undefined);
    assert.match(judge({ passwordSchemes: ['basic'] }, digest) ?? '', /by HTTP digest/);
    assert.match(judge({ passwordSchemes: ['digest'] }, basic) ?? '', /by HTTP basic/);
    assert.equal(judge({ passwordSchemes: ['basic', 'digest'] }, digest), undefined);
  });

  test('needs a user name where the group says so', () => {
    for (const password of [basic, digest]) {
      const alone = { ...password, userName: '' };
      const passwordSchemes = ['basic', 'digest'] as const;
      assert.equal(judge({ passwordSchemes, passwordOnly: true }, alone), undefined);
      assert.match(judge({ passwordSchemes, passwordOnly: false }, alone) ?? '', /without a user/);
      assert.equal(judge({ passwordSchemes, passwordOnly: false }, password), undefined);
    }
  });

  test('in the request needs neither a scheme nor a user name', () => {
    assert.equal(judge({ passwordSchemes: [], passwordOnly: false }, inRequest), undefined);
    assert.match(judge({ credentials: 'certificate' }, inRequest) ?? '', /no password/);
  });

  test('that is not accepted is not made good by another one', () => {
    assert.match(judge({ passwordSchemes: ['digest'] }, inRequest, basic) ?? '', /by HTTP basic/);
  });
});
