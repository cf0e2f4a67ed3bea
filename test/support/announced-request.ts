/**
 * A client that knows nothing but the answer of /csrattrs, and does what it says: once as older clients read it, once as newer
 * ones do (RFC 9908 section 4).
 */

import assert from 'node:assert/strict';
import { type DerElement, tags } from '../../ca/der.ts';
import { encodeGeneralNames } from '../../ca/general-names.ts';
import { dotted, type ObjectIdentifier, oidName } from '../../ca/object-identifiers.ts';
import {
  attribute,
  extension,
  extensionRequest,
  forgeRequest,
  type keyPairs,
  nullValue,
  oidOf,
  sequence,
  setOf,
  text,
} from './forged-request.ts';

/** What a client takes from an announcement; types by name. */
export interface Demand {
  readonly key?: string;
  readonly subject: readonly string[];
  /** Extension, DER, as far as its value was given. */
  readonly extensions: ReadonlyMap<string, Uint8Array | undefined>;
  readonly attributes: readonly string[];
  readonly signatures: readonly string[];
}

const nameOf = (element: DerElement | undefined) =>
  (element && oidName(element.bytes)) ?? assert.fail('an unknown object identifier');
const subjectTypes = ['commonName', 'serialNumber'];
const attributeTypes = [
  'challengePassword',
  'estIdentityLinking',
  'otpChallenge',
  'revocationChallenge',
];

function keyOf([algorithm, parameter]: readonly (DerElement | undefined)[]): string {
  const name = nameOf(algorithm);
  return name === 'ecPublicKey' ? nameOf(parameter) : name;
}

const extensionsOf = (list: DerElement | undefined) =>
  (list?.children ?? []).map(({ bytes, children }) => {
    const given = children.at(-1)?.tag === tags.octetString;
    return [nameOf(children[0]), given ? bytes : undefined] as const;
  });

/** As older clients read it, who skip the template. */
export function readList({ children }: DerElement): Demand {
  const lone = children.filter(({ tag }) => tag === tags.oid).map(nameOf);
  const pairs = children
    .filter(({ tag }) => tag === tags.sequence)
    .map(({ children: [type, values] }) => ({
      type: nameOf(type),
      values: values?.children ?? [],
    }));
  const request = pairs.find(({ type }) => type === 'extensionRequest');
  const key = children.find(
    (each) =>
      each.tag === tags.sequence && !/^(extensionRequest|id-aa-)/.test(nameOf(each.children[0])),
  );
  return {
    ...(key ? { key: keyOf([key.children[0], key.children[1]?.children[0]]) } : {}),
    subject: lone.filter((type) => subjectTypes.includes(type)),
    attributes: lone.filter((type) => attributeTypes.includes(type)),
    extensions: new Map([
      ...(lone.includes('subjectAltName') ? [['subjectAltName', undefined] as const] : []),
      ...extensionsOf(request?.values[0]),
    ]),
    signatures: lone.filter((type) => /with/i.test(type)),
  };
}

/** As newer clients read it; the signature alone stands in the list. */
export function readTemplate(answer: DerElement): Demand {
  const template = answer.children.find(
    ({ tag, children: [type] }) =>
      tag === tags.sequence && nameOf(type) === 'id-aa-certificationRequestInfoTemplate',
  );
  const { signatures } = readList(answer);
  const members = template?.children[1]?.children[0]?.children ?? [];
  const member = (wanted: number) => members.find(({ tag }) => tag === wanted)?.children ?? [];
  const key = member(0xa0)[0];
  const attributes = member(0xa1).map(({ children: [type, values] }) => ({
    type: nameOf(type),
    value: values?.children[0],
  }));
  const extensions = attributes.filter(({ type }) => /extensionReq/.test(type));
  assert.ok(extensions.length <= 1);
  return {
    ...(key ? { key: keyOf(key.children) } : {}),
    subject: member(tags.sequence).map((rdn) => nameOf(rdn.children[0]?.children[0])),
    attributes: attributes.filter((each) => !extensions.includes(each)).map(({ type }) => type),
    extensions: new Map(extensionsOf(extensions[0]?.value)),
    signatures,
  };
}

const keysByName: Record<string, keyof typeof keyPairs> = {
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  rsaEncryption: 'RSA',
  ed25519: 'Ed25519',
  'id-ml-dsa-44': 'ML-DSA-44',
};
const subjectValues: Record<string, Uint8Array> = {
  commonName: text(tags.utf8String, 'device-1'),
  serialNumber: text(tags.printableString, '42'),
};
const arcs = (name: string) => dotted[name as ObjectIdentifier];
const subjectAltName = extension('2.5.29.17', encodeGeneralNames(['DNS:a.example']));

/** A request that does what is asked for, with a P-256 key where any will do. */
export function comply({ key = 'secp256r1', subject, extensions, attributes, signatures }: Demand) {
  const keyName = keysByName[key] ?? assert.fail(key);
  const scheme = signatures.find((name) => name.startsWith('ecdsa') === keyName.startsWith('P-'));
  const asked = [...extensions.values()].map((given) => given ?? subjectAltName);
  return forgeRequest({
    key: keyName,
    subject: sequence(
      ...subject.map((type) =>
        setOf(sequence(oidOf(arcs(type)), subjectValues[type] ?? nullValue)),
      ),
    ),
    attributes: [
      ...(asked.length > 0 ? [extensionRequest(...asked)] : []),
      ...attributes.map((type) => attribute(arcs(type), text(tags.utf8String, 'a secret'))),
    ],
    ...(scheme && (keyName === 'RSA' || keyName.startsWith('P-'))
      ? {
          signatureAlgorithm: sequence(
            oidOf(arcs(scheme)),
            ...(keyName === 'RSA' ? [nullValue] : []),
          ),
          hash: /SHA\d+/i.exec(scheme)?.[0].toLowerCase() ?? assert.fail(scheme),
        }
      : {}),
  });
}
