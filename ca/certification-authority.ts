/**
 * The CA as its state says, read and checked: what can be worked with.
 */

import { type CaCertificate, type CaChain, readCaCertificate, readCaChain } from './ca-chain.ts';
import {
  type CaKeyState,
  type CaState,
  CaStateError,
  type DelegatedKeyState,
  type DelegationName,
  delegations,
  type IssuerState,
  type IssuingKeyState,
  keyThatIs,
  type StoredKey,
  UnknownIssuer,
} from './ca-state.ts';
import type { CaStateRecord } from './ca-state-store.ts';
import { type Certificate, extensionOf, fingerprintOf } from './certificate.ts';
import { readCmcCertificate } from './cmc-certificate.ts';
import type { DelegatedCertificate } from './delegated-certificate.ts';
import { readDer, sameBytes } from './der.ts';
import { readOcspCertificate } from './ocsp-certificate.ts';
import { type CaKeyType, type CaSignatureAlgorithm, signatureAlgorithmOf } from './signer.ts';

/** A private key in a token, by what is known of it outside. */
export interface TokenKeyName {
  /** Name of the token in the configuration. */
  readonly token: string;
  /** CKA_LABEL. */
  readonly label: string;
  readonly keyType: CaKeyType;
  readonly algorithm: CaSignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

export interface DelegatedKey extends TokenKeyName {
  readonly certificate: DelegatedCertificate;
}

/** A key of an issuing CA that has its certificate. */
export interface IssuingKey extends TokenKeyName {
  /** Name of the issuer. */
  readonly issuer: string;
  readonly generation: number;
  readonly state: Exclude<CaKeyState, 'requested'>;
  readonly chain: CaChain;
  readonly delegated: Readonly<Partial<Record<DelegationName, DelegatedKey>>>;
}

export interface Issuer {
  readonly name: string;
  /** Only this tenant's groups may use it; absent where all may. */
  readonly tenant?: string;
  /** Newest last. */
  readonly keys: readonly IssuingKey[];
  /** Absent until the first certificate has come from the CA above. */
  readonly active?: IssuingKey;
  /** What /cacerts gives (RFC 7030 section 4.1.3): the active chain from the root down, then what else is announced. */
  readonly announced: readonly CaCertificate[];
}

export interface CertificationAuthority {
  readonly version: number;
  /** The first one is the default. */
  readonly issuers: readonly Issuer[];
  /** Certificates of one root over the other, while both are announced (RFC 4210 section 4.4). */
  readonly links: readonly CaCertificate[];
}

export const der = (base64: string): Buffer => Buffer.from(base64, 'base64');

/** @throws Error with a sentence when a certificate is not what its place asks for */
export function readCertificationAuthority({
  version,
  state,
}: CaStateRecord): CertificationAuthority {
  const links = linksIn(state);
  const chains = new Map(state.issuers.map((issuer) => [issuer.name, keysOf(issuer)]));
  const first = chains.values().next().value;
  const issuers = state.issuers.map(({ name, tenant }): Issuer => {
    const keys = chains.get(name) ?? [];
    const active = keyThatIs({ keys }, 'active');
    const announced = announcedBy([...keys, ...(first ?? [])], state, links);
    const owned = tenant === undefined ? {} : { tenant };
    return { name, ...owned, keys, ...(active ? { active } : {}), announced };
  });
  return { version, issuers, links };
}

/** @throws CaStateError where it has no active key */
export function requireActive(ca: CertificationAuthority, name?: string): IssuingKey {
  const issuer = name === undefined ? ca.issuers[0] : ca.issuers.find((each) => each.name === name);
  if (!issuer)
    throw new UnknownIssuer(
      name === undefined ? 'There is no issuer yet.' : `There is no issuer "${name}".`,
    );
  if (!issuer.active)
    throw new CaStateError(
      `The issuer "${issuer.name}" has no certificate yet: import the one that its request was for with \`bestow ca import\`.`,
    );
  return issuer.active;
}

/** Every key that has a certificate, of all issuers. */
export function issuingKeysOf({ issuers }: CertificationAuthority): IssuingKey[] {
  return issuers.flatMap(({ keys }) => keys);
}

/** The key of ours that signed a certificate, by the name and the key identifier it gives; undefined where it is another's. */
export function issuingKeyOf(
  ca: CertificationAuthority,
  certificate: Certificate,
): IssuingKey | undefined {
  const authority = extensionOf(certificate, 'authorityKeyIdentifier');
  const identifier = authority && readDer(authority.value).children[0]?.content;
  return issuingKeysOf(ca).find(
    ({ chain: { issuing } }) =>
      identifier !== undefined &&
      sameBytes(issuing.keyIdentifier, identifier) &&
      sameBytes(issuing.subject, certificate.issuer),
  );
}

/** What a key is known by outside its token. */
export function tokenKeyName(
  token: string,
  { label, keyType, publicKey }: StoredKey,
): TokenKeyName {
  const algorithm = signatureAlgorithmOf[keyType];
  return { token, label, keyType, algorithm, publicKey: der(publicKey) };
}

function keysOf({ name, token, keys }: IssuerState): IssuingKey[] {
  return keys.flatMap((key) => (isCertified(key) ? [issuingKey(name, token, key)] : []));
}

type CertifiedKey = IssuingKeyState & {
  readonly state: IssuingKey['state'];
  readonly certificate: string;
};

function isCertified(key: IssuingKeyState): key is CertifiedKey {
  return key.state !== 'requested' && key.certificate !== undefined;
}

function issuingKey(issuer: string, token: string, key: CertifiedKey): IssuingKey {
  const { generation, state, certificate, above, delegated } = key;
  const chain = readCaChain({ issuing: der(certificate), above: above.map(der) });
  const name = tokenKeyName(token, key);
  if (!sameBytes(chain.issuing.subjectPublicKeyInfo, name.publicKey))
    throw new Error(`The certificate of the issuer "${issuer}" is over another key than its own.`);
  const readDelegated = (which: DelegationName) => {
    const found = delegated[which];
    return found ? { [which]: delegatedKey(which, token, found, chain.issuing) } : {};
  };
  return {
    ...name,
    issuer,
    generation,
    state,
    chain,
    delegated: Object.assign({}, ...delegations.map(readDelegated)),
  };
}

const readers = { cmc: readCmcCertificate, ocsp: readOcspCertificate };

function delegatedKey(
  which: DelegationName,
  token: string,
  key: DelegatedKeyState,
  issuing: CaCertificate,
): DelegatedKey {
  const certificate = readers[which](der(key.certificate), issuing);
  return { ...tokenKeyName(token, key), certificate };
}

function linksIn({ root }: CaState): CaCertificate[] {
  return (root?.keys ?? []).flatMap((key, i) => {
    const before = root?.keys[i - 1];
    if (!key.links || !before || before.state === 'finished') return [];
    return [key.links.oldWithNew, key.links.newWithOld].map((link) => readCaCertificate(der(link)));
  });
}

/** Each certificate once: the active chain first, then those before and after it, then the roots' links. */
function announcedBy(
  keys: readonly IssuingKey[],
  { root }: CaState,
  links: readonly CaCertificate[],
): CaCertificate[] {
  const rank = ({ state }: IssuingKey) => (state === 'active' ? 0 : 1);
  const shown = keys
    .filter(({ state }) => state !== 'finished')
    .toSorted((a, b) => rank(a) - rank(b));
  const chains = shown.flatMap(({ chain: { root: anchor, intermediates, issuing } }) => [
    anchor,
    ...intermediates.toReversed(),
    issuing,
  ]);
  const roots = (root?.keys ?? []).filter(({ state }) => state !== 'finished');
  const own = roots.map(({ certificate }) => readCaCertificate(der(certificate)));
  const anchors = new Set(own.map(({ id }) => id));
  const underOwn = chains.some(({ id }) => anchors.has(id)) ? [...own, ...links] : [];
  const all = [...chains, ...underOwn];
  return [...new Map(all.map((each) => [fingerprintOf(each.der), each])).values()];
}
