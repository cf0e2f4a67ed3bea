/**
 * The questions of secure provisioning, as a group answers them: which device is it, how does it show that its owner wants
 * it, and how does the first trust come about. The fourth, where it belongs, is the group's allocation policy.
 * Answers that contradict each other are refused together with the reason.
 */

/**
 * Which device it is. `registered`: the registry lists it, and a credential or the CN of its request says which one it is.
 * `factory-certificate`: the registry lists it, and the certificate of its manufacturer says which one it is (IEEE 802.1AR).
 * `generated`: it gets an id made of its first key. `assigned`: it gets the id that an operator gives it in the staging area.
 */
export const identities = ['registered', 'factory-certificate', 'generated', 'assigned'] as const;
export type Identity = (typeof identities)[number];

/**
 * What shows that it is wanted. `one-time-password` and `pairing-code` are made for one device (a one-time password serves
 * where a pairing code does). `bootstrap-credential` is shared by a batch. `order-list`: somebody ordered it, and said whose
 * it is. `shown-code`: the device shows a code, and an operator types it to approve. `none`: nothing besides.
 */
export const possessions = [
  'one-time-password',
  'pairing-code',
  'bootstrap-credential',
  'order-list',
  'shown-code',
  'none',
] as const;
export type Possession = (typeof possessions)[number];

/**
 * How trust begins. `ca`: the device knows our CA, and its credential is enough. `staging`: a person confirms its first key.
 * `pairing`: a code that people carry holds the fingerprint of our CA, and is the only password. `first-use`: the first key
 * that comes for an expected device is its own, and no other is.
 */
export const trusts = ['ca', 'staging', 'pairing', 'first-use'] as const;
export type Trust = (typeof trusts)[number];

export interface Provisioning {
  readonly identity: Identity;
  readonly possession: Possession;
  readonly trust: Trust;
}

export const defaultProvisioning: Provisioning = {
  identity: 'registered',
  possession: 'one-time-password',
  trust: 'ca',
};

/** Whether its devices show a password or a code, whoever made it. */
export function takesPassword({ possession }: Pick<Provisioning, 'possession'>): boolean {
  return possession !== 'order-list' && possession !== 'none';
}

/** Whether its devices are given a password of their own before they come. */
export function takesOwnPassword({ possession }: Pick<Provisioning, 'possession'>): boolean {
  return possession === 'one-time-password' || possession === 'pairing-code';
}

/** Whether a first request may come without any credential of the device's own: its key is what it is known by from then on. */
export function isKnownByKey({ identity, possession }: Provisioning): boolean {
  if (identity === 'factory-certificate') return false;
  return (
    possession === 'none' || possession === 'shown-code' || possession === 'bootstrap-credential'
  );
}

/** Whether the registry learns of a device by its first request. */
export function registersNewcomers({ identity }: Pick<Provisioning, 'identity'>): boolean {
  return identity === 'generated' || identity === 'assigned';
}

export type Contradiction<Settings> = readonly [
  holds: (settings: Settings) => boolean,
  reason: string,
];

/** Before those of the other settings: who reads one of these need not think of the others yet. */
export const provisioningContradictions: readonly Contradiction<Provisioning>[] = [
  [
    (settings) => takesOwnPassword(settings) && registersNewcomers(settings),
    'A one-time password or pairing code is made for a device that is registered, and this group has its devices registered when they come: use a bootstrap credential, a code that the device shows, or none.',
  ],
  [
    ({ identity, possession }) => possession === 'order-list' && identity !== 'factory-certificate',
    'An order list says whose a device is, and not that it is that device: let a factory certificate say so.',
  ],
  [
    ({ identity, possession }) =>
      identity === 'factory-certificate' &&
      (possession === 'bootstrap-credential' || possession === 'shown-code'),
    'A factory certificate says which device it is; a bootstrap credential or a code that it shows is for devices that cannot say so.',
  ],
  [
    ({ identity, trust }) => identity === 'assigned' && trust !== 'staging',
    'An id is assigned by an operator who confirms the device: set trust to staging with it.',
  ],
  [
    ({ possession, trust }) => possession === 'shown-code' && trust !== 'staging',
    'A code that the device shows is typed by an operator who confirms the device: set trust to staging with it.',
  ],
  [
    ({ possession, trust }) => trust === 'pairing' && possession !== 'pairing-code',
    'Trust by pairing comes with the code that people carry to the device: set possession to pairing-code with it.',
  ],
  [
    ({ identity, trust }) => trust === 'first-use' && identity === 'generated',
    'Trust on first use is for devices that are expected, and nobody is expected where ids are generated: whoever reaches the server would be trusted.',
  ],
  [
    ({ identity, trust }) => trust === 'first-use' && identity === 'factory-certificate',
    'The first key of a factory certificate is pinned in any case; trust on first use is for devices that have no certificate.',
  ],
  [
    ({ possession, trust }) =>
      trust === 'first-use' && possession !== 'none' && possession !== 'bootstrap-credential',
    'Trust on first use is for devices that have no credential of their own; with one, trust it.',
  ],
  [
    ({ identity, possession, trust }) =>
      identity !== 'factory-certificate' && possession === 'none' && trust === 'ca',
    'Nothing would show that the device is the one it says, or that it is wanted: ask for a credential, or let a person confirm it (staging), or pin its first key (first-use).',
  ],
];
