import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Command } from 'commander';
import { defaultSettings, type GroupSettings } from '../enrollment/group-settings.ts';
import { describeSettings, settingsIn, summarizeSettings, withSettings } from './group-options.ts';

/** The settings that a command line names, as `bestow group set LABEL ...` reads them. */
function parse(...args: string[]): Partial<GroupSettings> {
  const said: string[] = [];
  const command = withSettings(new Command('set').option('--json').argument('<label>'))
    .exitOverride()
    .configureOutput({ writeErr: (text) => said.push(text) });
  try {
    command.parse(['label', ...args], { from: 'user' });
  } catch (cause) {
    throw new Error(said.join(''), { cause });
  }
  return settingsIn(command.opts());
}

const changed: GroupSettings = {
  identity: 'assigned',
  possession: 'shown-code',
  trust: 'staging',
  issuer: 'edge',
  profile: 'gateway',
  linking: 'required',
  credentials: 'both',
  passwordSchemes: ['basic', 'digest'],
  passwordOnly: false,
  challengePassword: 'one-time-password',
  cmcSharedSecret: true,
  factoryUse: 'repeatedly',
  approval: true,
  authorizationWebhook: 'inventory',
  subjectChange: true,
  keyTypes: ['P-256', 'ML-DSA-65'],
  signatureHashes: ['sha384'],
  requestParts: ['commonName', 'otpChallenge'],
  serverKeys: 'token',
  serverKeyType: 'Ed25519',
  serverKeyDelivery: 'plain-allowed',
  revokeOld: 'after-new-is-used',
};

describe('options and settings say the same', () => {
  for (const [what, settings] of Object.entries({ defaults: defaultSettings, changed }))
    test(what, () => {
      const words = describeSettings(settings);
      assert.equal(Object.keys(words).length, Object.keys(settings).length);
      const args = Object.entries(words).flatMap(([flag, word]) => [`--${flag}`, word]);
      assert.deepEqual(parse(...args), settings);
    });
});

test('what is not named is not changed', () => {
  assert.deepEqual(parse('--approval', 'on', '--json'), { approval: true });
  assert.deepEqual(parse(), {});
});

test('lists: commas with or without blanks, each word once, and a word for none', () => {
  assert.deepEqual(parse('--key-types', 'P-256, P-384,P-256'), { keyTypes: ['P-256', 'P-384'] });
  assert.deepEqual(parse('--key-types', 'any', '--require', 'nothing'), {
    keyTypes: [],
    requestParts: [],
  });
  assert.deepEqual(parse('--password-schemes', 'none'), { passwordSchemes: [] });
});

test('only what is not as usual is summed up', () => {
  assert.equal(summarizeSettings(defaultSettings), '');
  assert.equal(
    summarizeSettings({ ...defaultSettings, linking: 'off', passwordSchemes: [], approval: true }),
    'linking=off password-schemes=none approval=on',
  );
});

describe('words that mean nothing are refused, with those that do', () => {
  const refused: [args: string[], said: RegExp][] = [
    [['--approval', 'yes'], /Allowed choices are on, off\./],
    [['--linking', ''], /Allowed choices are off, optional, required\./],
    [['--linking', 'off,required'], /Allowed choices/],
    [['--key-types', 'P-256,DSA'], /Allowed choices are .*P-256/],
    [['--key-types', 'any,P-256'], /Allowed choices/],
    [['--key-types', ''], /Allowed choices/],
    [['--require', 'commonName,'], /Allowed choices/],
    [['--profile', 'Gateway'], /cannot be the name of a profile/],
    [['--no-such-setting', 'on'], /unknown option/],
  ];
  for (const [args, said] of refused)
    test(args.join(' '), () => {
      assert.throws(() => parse(...args), { message: said });
    });
});
