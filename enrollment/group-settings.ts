/**
 * How the devices of a group are enrolled. Settings that contradict each other are refused together with the reason.
 */

import { defaultIssuer } from '../ca/ca-state.ts';
import type { DeviceKeyType } from '../ca/device-key-types.ts';
import {
  type Contradiction,
  defaultProvisioning,
  isKnownByKey,
  type Possession,
  type Provisioning,
  provisioningContradictions,
  takesOwnPassword,
} from './provisioning.ts';

/**
 * Whether a request is tied to the TLS connection it comes by (RFC 7030 section 3.5). `optional` verifies what is there;
 * `required` refuses a request without it; `off` refuses one with it, since nothing may look verified that is not.
 */
export const linkings = ['off', 'optional', 'required'] as const;
export type Linking = (typeof linkings)[number];

/** What a caller must show (RFC 7030 section 3.2.3); `both` means a certificate and a password of the same device. */
export const credentialPolicies = ['either', 'password', 'certificate', 'both'] as const;
export type CredentialPolicy = (typeof credentialPolicies)[number];

/** HTTP authentication schemes offered for passwords: RFC 7617, RFC 7616. */
export const passwordSchemes = ['basic', 'digest'] as const;
export type PasswordScheme = (typeof passwordSchemes)[number];

/** What the challengePassword of a request means: RFC 7030 section 3.5, or a secret as in SCEP. */
export const challengePasswordMeanings = ['linking', 'one-time-password'] as const;
export type ChallengePasswordMeaning = (typeof challengePasswordMeanings)[number];

/** Kinds of key that the server makes for a device. */
export const generatedKeyTypes = [
  'RSA-2048',
  'RSA-3072',
  'RSA-4096',
  'P-256',
  'P-384',
  'P-521',
  'Ed25519',
] as const satisfies readonly DeviceKeyType[];
export type GeneratedKeyType = (typeof generatedKeyTypes)[number];

/** Hash functions of request signatures. */
export const signatureHashes = ['sha256', 'sha384', 'sha512'] as const;
export type SignatureHash = (typeof signatureHashes)[number];

/** Parts of a request that a group can insist on. */
export const requestParts = [
  'commonName',
  'serialNumber',
  'subjectAltName',
  'keyUsage',
  'extKeyUsage',
  'otpChallenge',
  'revocationChallenge',
] as const;
export type RequestPart = (typeof requestParts)[number];

/** Where the server makes keys for devices (RFC 7030 section 4.4): nowhere, in the process, or in the token. */
export const serverKeyPlaces = ['off', 'platform', 'token'] as const;
export type ServerKeyPlace = (typeof serverKeyPlaces)[number];

/** Whether a key made by the server may leave it protected by TLS alone. */
export const serverKeyDeliveries = ['encrypted-only', 'plain-allowed'] as const;
export type ServerKeyDelivery = (typeof serverKeyDeliveries)[number];

/**
 * What becomes of a certificate that was renewed: nothing, or it is revoked, when the new one first authenticates here or at
 * once with the issuance.
 */
export const revokeOldPolicies = ['never', 'after-new-is-used', 'now'] as const;
export type RevokeOldPolicy = (typeof revokeOldPolicies)[number];

/** How often a device enrolls by its factory certificate: once, until an operator resets it, or whenever it wants. */
export const factoryUses = ['once', 'repeatedly'] as const;
export type FactoryUse = (typeof factoryUses)[number];

export interface GroupSettings extends Provisioning {
  /** Name of the issuing CA. */
  readonly issuer: string;
  /** Name of the profile of its devices' certificates. */
  readonly profile: string;
  readonly linking: Linking;
  readonly credentials: CredentialPolicy;
  readonly passwordSchemes: readonly PasswordScheme[];
  /** Whether a password without a user name is enough. */
  readonly passwordOnly: boolean;
  readonly challengePassword: ChallengePasswordMeaning;
  /** Whether one-time passwords may serve as shared secret of Full CMC (RFC 5272 section 6.2), which needs them in clear. */
  readonly cmcSharedSecret: boolean;
  readonly factoryUse: FactoryUse;
  /** Whether a person must approve each certificate, renewals too. */
  readonly approval: boolean;
  /** Id of the webhook that must allow each certificate; none where it is empty. */
  readonly authorizationWebhook: string;
  /** Whether changeSubjectName (RFC 6402 section 2.8) may bring the names that the registry holds now. */
  readonly subjectChange: boolean;
  /** Kinds of key accepted; none means all that the server accepts. */
  readonly keyTypes: readonly DeviceKeyType[];
  /** Hash functions accepted in request signatures; none means all. */
  readonly signatureHashes: readonly SignatureHash[];
  /** What every request must have, beyond what all requests have. */
  readonly requestParts: readonly RequestPart[];
  readonly serverKeys: ServerKeyPlace;
  readonly serverKeyType: GeneratedKeyType;
  readonly serverKeyDelivery: ServerKeyDelivery;
  /** Judged when the renewal is asked for. */
  readonly revokeOld: RevokeOldPolicy;
}

export const defaultSettings: GroupSettings = {
  ...defaultProvisioning,
  issuer: defaultIssuer,
  profile: 'device',
  linking: 'optional',
  credentials: 'either',
  passwordSchemes: ['basic'],
  passwordOnly: true,
  challengePassword: 'linking',
  cmcSharedSecret: false,
  factoryUse: 'once',
  approval: false,
  authorizationWebhook: '',
  subjectChange: false,
  keyTypes: [],
  signatureHashes: [],
  requestParts: [],
  serverKeys: 'off',
  serverKeyType: 'P-256',
  serverKeyDelivery: 'encrypted-only',
  revokeOld: 'never',
};

/** @throws TypeError with a sentence when settings contradict each other */
export function checkSettings(settings: GroupSettings): GroupSettings {
  const contradiction = contradictions.find(([holds]) => holds(settings));
  if (contradiction) throw new TypeError(contradiction[1]);
  return settings;
}

const contradictions: readonly Contradiction<GroupSettings>[] = [
  ...provisioningContradictions,
  [
    ({ challengePassword, linking }) =>
      challengePassword === 'one-time-password' && linking !== 'off',
    'A one-time password in challengePassword excludes linking there: set linking to off with it (RFC 7030 section 3.5).',
  ],
  [
    (settings) => settings.challengePassword === 'one-time-password' && !spendsPasswords(settings),
    'A one-time password in challengePassword is a password, which this group does not accept as credential.',
  ],
  [
    (settings) => settings.cmcSharedSecret && !spendsPasswords(settings),
    'A one-time password as shared secret of CMC is a password, which this group does not accept as credential.',
  ],
  [
    (settings) => settings.requestParts.includes('otpChallenge') && !spendsPasswords(settings),
    'otpChallenge carries a one-time password, which this group does not accept as credential.',
  ],
  [
    ({ possession, credentials }) => sendsCode(possession) && credentials === 'certificate',
    'A pairing code, a bootstrap credential and a code that the device shows are passwords, which this group does not accept as credential.',
  ],
  [
    ({ possession, passwordSchemes: schemes, requestParts: parts, challengePassword }) =>
      possession === 'pairing-code' &&
      !schemes.includes('basic') &&
      !parts.includes('otpChallenge') &&
      challengePassword === 'linking',
    'There is no way to send a pairing code: offer HTTP Basic, or require otpChallenge.',
  ],
  [
    ({ possession, passwordSchemes: schemes }) =>
      (possession === 'bootstrap-credential' || possession === 'shown-code') &&
      !schemes.includes('basic'),
    'A bootstrap credential and a code that the device shows come by HTTP Basic: offer it.',
  ],
  [
    ({ passwordSchemes: schemes, credentials, requestParts: parts, challengePassword }) =>
      schemes.length === 0 &&
      (credentials === 'password' || credentials === 'both') &&
      !parts.includes('otpChallenge') &&
      challengePassword === 'linking',
    'A password is required, but there is no way to send one: offer an HTTP scheme, or require otpChallenge.',
  ],
  [
    ({ identity, credentials }) => identity === 'factory-certificate' && credentials === 'password',
    'A factory certificate is no password, which is all that this group accepts for enrollment.',
  ],
  [
    ({ identity, credentials }) => identity === 'factory-certificate' && credentials === 'both',
    'With a password and a certificate together, the certificate must be one that was issued here, which a new device with a factory certificate does not have; possession one-time-password asks for a factory certificate and a password.',
  ],
  [
    (settings) => isKnownByKey(settings) && settings.credentials !== 'either',
    'A device that is known by its first key has neither a certificate nor a password of its own yet: set credentials to either.',
  ],
  [
    (settings) => isKnownByKey(settings) && settings.serverKeys !== 'off',
    'A device is known here by a key that it proves to have, and the server would make one for whoever asks: leave server keys off.',
  ],
  [
    ({ trust, approval }) => trust === 'staging' && approval,
    'With approval a person decides about each certificate, in the staging area about the first key: choose one.',
  ],
  [
    ({ trust, serverKeys }) => trust === 'staging' && serverKeys !== 'off',
    'In the staging area a person confirms the key that a device has, and the server would make it another: leave server keys off.',
  ],
  [
    ({ trust, credentials }) => trust === 'staging' && credentials === 'both',
    'A device that must show a certificate of ours beside its password is no new one, and the staging area is for first keys: set credentials to either or password.',
  ],
  [
    ({ revokeOld, credentials }) => revokeOld === 'now' && credentials === 'both',
    'When a renewal revokes the old certificate at once, a lost answer is repeated by that certificate alone, and not beside a password that is spent: let it end after the new one is used.',
  ],
  [
    ({ keyTypes, serverKeys, serverKeyType }) =>
      serverKeys !== 'off' && keyTypes.length > 0 && !keyTypes.includes(serverKeyType),
    'The server would make a kind of key that this group does not accept.',
  ],
  [
    ({ keyTypes, signatureHashes: hashes }) =>
      hashes.length > 0 && keyTypes.length > 0 && keyTypes.every((type) => !/^(RSA|P)-/.test(type)),
    'The accepted kinds of key sign without a hash function of their own choice; leave the hash functions out.',
  ],
];

/** Whether a one-time password is a credential here. */
function spendsPasswords(settings: GroupSettings): boolean {
  return settings.credentials !== 'certificate' && takesOwnPassword(settings);
}

function sendsCode(possession: Possession): boolean {
  return (
    possession === 'pairing-code' ||
    possession === 'bootstrap-credential' ||
    possession === 'shown-code'
  );
}
