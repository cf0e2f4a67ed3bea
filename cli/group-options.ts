/**
 * The settings of a group as options of the command line: one row for each setting.
 */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { checkProfileName } from '../ca/built-in-profiles.ts';
import { checkIssuerName } from '../ca/ca-state.ts';
import { deviceKeyTypes } from '../ca/device-key-types.ts';
import { checkWebhookId } from '../enrollment/events/webhooks.ts';
import {
  challengePasswordMeanings,
  credentialPolicies,
  defaultSettings,
  factoryUses,
  type GroupSettings,
  generatedKeyTypes,
  linkings,
  passwordSchemes,
  requestParts,
  revokeOldPolicies,
  serverKeyDeliveries,
  serverKeyPlaces,
  signatureHashes,
} from '../enrollment/group-settings.ts';
import { identities, possessions, trusts } from '../enrollment/provisioning.ts';

interface ChosenSetting {
  readonly flag: string;
  readonly description: string;
  /** The words to choose from; a switch is `on` or `off`. */
  readonly choices: readonly string[];
  /** The word for an empty list; present for lists, which are written with commas. */
  readonly none?: string;
}

interface FreeSetting {
  readonly flag: string;
  readonly description: string;
  /** Throws TypeError with a sentence on a word that cannot be. */
  readonly check: (word: string) => string;
}

type SettingOption = ChosenSetting | FreeSetting;

const onOff = ['on', 'off'];

const settingOptions: Record<keyof GroupSettings, SettingOption> = {
  identity: {
    flag: 'identity',
    description: 'how it is known which device it is',
    choices: identities,
  },
  possession: {
    flag: 'possession',
    description: 'what shows that the device is wanted here',
    choices: possessions,
  },
  trust: {
    flag: 'trust',
    description: 'how the first trust comes about',
    choices: trusts,
  },
  profile: {
    flag: 'profile',
    description: 'profile of the certificates: bestow profile list',
    check: checkProfileName,
  },
  issuer: {
    flag: 'issuer',
    description: 'the issuing CA: bestow ca issuer list',
    check: checkIssuerName,
  },
  linking: {
    flag: 'linking',
    description: 'channel binding in requests (RFC 7030 section 3.5)',
    choices: linkings,
  },
  credentials: {
    flag: 'credentials',
    description: 'what a caller must show; `both` is a certificate and a password',
    choices: credentialPolicies,
  },
  passwordSchemes: {
    flag: 'password-schemes',
    description: 'HTTP authentication offered for passwords',
    choices: passwordSchemes,
    none: 'none',
  },
  passwordOnly: {
    flag: 'password-only',
    description: 'accept a password without a user name',
    choices: onOff,
  },
  challengePassword: {
    flag: 'challenge-password',
    description: 'what challengePassword in a request means; one-time-password is for old clients',
    choices: challengePasswordMeanings,
  },
  cmcSharedSecret: {
    flag: 'cmc-shared-secret',
    description: 'keep new one-time passwords so that they can prove identity in /fullcmc',
    choices: onOff,
  },
  factoryUse: {
    flag: 'factory-use',
    description:
      'how often a device enrolls by its factory certificate: once until it is reset, or repeatedly',
    choices: factoryUses,
  },
  approval: {
    flag: 'approval',
    description: 'a person must approve each certificate, renewals too: bestow pending',
    choices: onOff,
  },
  authorizationWebhook: {
    flag: 'authorization-webhook',
    description: 'the webhook that must allow each certificate, or none: bestow webhook list',
    check: (word) => (word === 'none' ? '' : checkWebhookId(word)),
  },
  subjectChange: {
    flag: 'subject-change',
    description: 'accept changeSubjectName (RFC 6402) to the names that the registry holds',
    choices: onOff,
  },
  keyTypes: {
    flag: 'key-types',
    description: 'kinds of key accepted',
    choices: deviceKeyTypes,
    none: 'any',
  },
  signatureHashes: {
    flag: 'signature-hashes',
    description: 'hash functions accepted in request signatures',
    choices: signatureHashes,
    none: 'any',
  },
  requestParts: {
    flag: 'require',
    description: 'what every request must have',
    choices: requestParts,
    none: 'nothing',
  },
  serverKeys: {
    flag: 'server-keys',
    description: 'make keys for devices (/serverkeygen), and where',
    choices: serverKeyPlaces,
  },
  serverKeyType: {
    flag: 'server-key-type',
    description: 'the kind of key made by the server',
    choices: generatedKeyTypes,
  },
  serverKeyDelivery: {
    flag: 'server-key-delivery',
    description: 'whether such a key may be sent without encryption of its own',
    choices: serverKeyDeliveries,
  },
  revokeOld: {
    flag: 'revoke-old',
    description:
      'whether a renewed certificate is revoked: once the new one has authenticated, or with the renewal',
    choices: revokeOldPolicies,
  },
};

/** Adds an option for every setting; the parsed values have the settings' names and types. */
export function withSettings(command: Command): Command {
  for (const [name, setting] of Object.entries(settingOptions)) {
    const option = new Option(...describeOption(setting));
    option.attributeName = () => name;
    command.addOption(option.argParser((text: string) => readSetting(text, setting)));
  }
  return command;
}

function describeOption(setting: SettingOption): [flags: string, description: string] {
  const { flag, description } = setting;
  if ('check' in setting) return [`--${flag} <name>`, description];
  const { choices, none } = setting;
  const words = none === undefined ? choices : [none, ...choices];
  return [
    `--${flag} <${none === undefined ? 'word' : 'words'}>`,
    `${description} (${none === undefined ? 'one' : 'any'} of: ${words.join(', ')})`,
  ];
}

function readSetting(text: string, setting: SettingOption): unknown {
  if ('check' in setting) return readFreeWord(text, setting);
  const { choices, none } = setting;
  if (none === undefined) {
    requireChoice(text, choices);
    return choices === onOff ? text === 'on' : text;
  }
  if (text === none) return [];
  const words = text.split(',').map((word) => word.trim());
  for (const word of words) requireChoice(word, choices);
  return [...new Set(words)];
}

function readFreeWord(text: string, { check }: FreeSetting): string {
  try {
    return check(text);
  } catch (error) {
    if (error instanceof TypeError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function requireChoice(word: string, choices: readonly string[]): void {
  if (!choices.includes(word))
    throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
}

/** The settings among parsed options. */
export function settingsIn(options: object): Partial<GroupSettings> {
  const names = new Set<string>(Object.keys(settingOptions));
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.has(name)));
}

/** A setting as its option takes it. */
function wordOf(name: keyof GroupSettings, settings: GroupSettings): string {
  const value = settings[name];
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string') return value || 'none';
  const setting = settingOptions[name];
  if (value.length > 0) return value.join(',');
  return 'none' in setting ? (setting.none ?? '') : '';
}

/** All settings, by the names of their options. */
export function describeSettings(settings: GroupSettings): Record<string, string> {
  const names = Object.keys(settingOptions) as (keyof GroupSettings)[];
  return Object.fromEntries(
    names.map((name) => [settingOptions[name].flag, wordOf(name, settings)]),
  );
}

/** What differs from the defaults, in a few words. */
export function summarizeSettings(settings: GroupSettings): string {
  const names = Object.keys(settingOptions) as (keyof GroupSettings)[];
  return names
    .filter((name) => wordOf(name, settings) !== wordOf(name, defaultSettings))
    .map((name) => `${settingOptions[name].flag}=${wordOf(name, settings)}`)
    .join(' ');
}
