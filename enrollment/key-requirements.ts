/**
 * Which keys and signatures a group accepts in requests. RFC 9908 section 3.2 has one key announced and no choice, so it is
 * the first that the operator names, and likewise with hash functions: whoever follows the announcement is accepted, and a
 * refusal names the others.
 */

import type { KeyTemplate } from '../ca/csr-attributes.ts';
import { readDer } from '../ca/der.ts';
import type { DeviceKeyType } from '../ca/device-key-types.ts';
import type { PublicKey } from '../ca/key-rules.ts';
import { type ObjectIdentifier, oid, oidName } from '../ca/object-identifiers.ts';
import { malformed } from '../ca/refusal.ts';
import { readPssParameters } from '../ca/rsassa-pss.ts';
import {
  type GroupSettings,
  signatureHashes as knownHashes,
  type SignatureHash,
} from './group-settings.ts';
import type { Requirement } from './requirement.ts';

const keyTemplates: Record<DeviceKeyType, KeyTemplate> = {
  'RSA-2048': { algorithm: 'rsaEncryption', bits: 2048 },
  'RSA-3072': { algorithm: 'rsaEncryption', bits: 3072 },
  'RSA-4096': { algorithm: 'rsaEncryption', bits: 4096 },
  'P-256': { algorithm: 'ecPublicKey', curve: 'secp256r1' },
  'P-384': { algorithm: 'ecPublicKey', curve: 'secp384r1' },
  'P-521': { algorithm: 'ecPublicKey', curve: 'secp521r1' },
  Ed25519: { algorithm: 'ed25519' },
  Ed448: { algorithm: 'ed448' },
  'ML-DSA-44': { algorithm: 'id-ml-dsa-44' },
  'ML-DSA-65': { algorithm: 'id-ml-dsa-65' },
  'ML-DSA-87': { algorithm: 'id-ml-dsa-87' },
};

/** Signature algorithms with a hash function of the client's choice; other keys have their own. */
const schemes: Record<
  SignatureHash,
  Partial<Record<KeyTemplate['algorithm'], ObjectIdentifier>>
> = {
  sha256: { rsaEncryption: 'sha256WithRSAEncryption', ecPublicKey: 'ecdsa-with-SHA256' },
  sha384: { rsaEncryption: 'sha384WithRSAEncryption', ecPublicKey: 'ecdsa-with-SHA384' },
  sha512: { rsaEncryption: 'sha512WithRSAEncryption', ecPublicKey: 'ecdsa-with-SHA512' },
};

export function keyRequirements({
  keyTypes,
  signatureHashes,
}: Pick<GroupSettings, 'keyTypes' | 'signatureHashes'>): Requirement[] {
  const [keyType] = keyTypes;
  const [hash] = signatureHashes;
  const key = keyType && keyTemplates[keyType];
  return [
    ...(key ? [keyRequirement(keyTypes, key)] : []),
    ...(hash ? [signatureRequirement(signatureHashes, schemesFor(hash, key))] : []),
  ];
}

function keyRequirement(accepted: readonly DeviceKeyType[], key: KeyTemplate): Requirement {
  return {
    words: `a key of type ${accepted.map(nameOfKey).join(' or ')}`,
    announces: { key },
    instead({ publicKey }) {
      const type = keyTypeOf(publicKey);
      return accepted.some((each) => each === type) ? undefined : type;
    },
  };
}

/** As operators name it, and as the announcement does. */
function nameOfKey(type: DeviceKeyType): string {
  const template = keyTemplates[type];
  return `${type} (${template.algorithm === 'ecPublicKey' ? template.curve : template.algorithm})`;
}

const curves: Readonly<Record<string, DeviceKeyType>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** A key restricted to RSASSA-PSS is another kind than what is announced as rsaEncryption. */
function keyTypeOf({ kind, key }: PublicKey): string {
  const { modulusLength, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (kind) {
    case 'RSA':
    case 'RSA-PSS':
      return `${kind}-${modulusLength}`;
    case 'EC':
      return curves[namedCurve] ?? namedCurve;
    default:
      return kind;
  }
}

/** What a request with the announced key is to be signed with; where any key will do, with each kind of key. */
function schemesFor(hash: SignatureHash, key: KeyTemplate | undefined): ObjectIdentifier[] {
  return key ? [schemes[hash][key.algorithm] ?? []].flat() : Object.values(schemes[hash]);
}

function signatureRequirement(
  accepted: readonly SignatureHash[],
  announced: readonly ObjectIdentifier[],
): Requirement {
  const example = announced.length > 0 ? `, such as ${announced.join(' or ')}` : '';
  return {
    words: `a signature with ${accepted.join(' or ')}${example}`,
    announces: { signatures: announced.map((name) => oid[name]) },
    instead({ signatureAlgorithm }) {
      const hash = signatureAlgorithm && hashOf(signatureAlgorithm);
      return hash === undefined || accepted.includes(hash) ? undefined : hash;
    },
  };
}

/** Undefined where the algorithm of the key leaves no choice. */
function hashOf(signatureAlgorithm: Uint8Array): SignatureHash | undefined {
  const [type, parameters] = readDer(signatureAlgorithm).children;
  const name = type && oidName(type.bytes);
  if (name === 'id-RSASSA-PSS') return readPssParameters(parameters, malformed).hash;
  return knownHashes.find((hash) => Object.values(schemes[hash]).some((each) => each === name));
}
