/**
 * What the CA consists of: the root where it has one of its own, its issuing CAs, and every key that each of them has had,
 * has, and is to have. A value that is never changed: each transition makes the next one, and storage keeps them all.
 */

import type { CaKeyType } from './signer.ts';

/**
 * `requested`: its certificate is still to come from a CA above. `next`: certified and announced, issues nothing yet.
 * `active`: issues. `retired`: issues no more, still announced. `finished`: no longer announced; as long as certificates
 * of it are valid, their status is answered.
 */
export const caKeyStates = ['requested', 'next', 'active', 'retired', 'finished'] as const;
export type CaKeyState = (typeof caKeyStates)[number];

/** DER in base64. */
type Base64 = string;

/** A private key in a token. */
export interface StoredKey {
  /** CKA_LABEL. */
  readonly label: string;
  readonly keyType: CaKeyType;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Base64;
}

/** A key that signs answers in an issuing CA's name, and no certificates. */
export interface DelegatedKeyState extends StoredKey {
  readonly certificate: Base64;
}

export interface RootKeyState extends StoredKey {
  readonly generation: number;
  readonly state: Exclude<CaKeyState, 'requested'>;
  /** Self-signed. */
  readonly certificate: Base64;
  /** The root before this one, certified by this one; and this one, certified by the root before (RFC 4210 section 4.4). */
  readonly links?: { readonly oldWithNew: Base64; readonly newWithOld: Base64 };
}

export interface RootState {
  /** Name of the token in the configuration; it may be absent in daily work. */
  readonly token: string;
  /** Newest last. */
  readonly keys: readonly RootKeyState[];
  /** A key for the root after this one, whose hash stands in this one's certificate (RFC 8649). */
  readonly prepared?: StoredKey;
}

/** What an issuing CA's key can sign answers through. */
export const delegations = ['cmc', 'ocsp'] as const;
export type DelegationName = (typeof delegations)[number];

export interface IssuingKeyState extends StoredKey {
  readonly generation: number;
  readonly state: CaKeyState;
  /** PKCS#10, while the certificate is still to come. */
  readonly request?: Base64;
  readonly certificate?: Base64;
  /** From the CA above up to the trust anchor. */
  readonly above: readonly Base64[];
  readonly delegated: Readonly<Partial<Record<DelegationName, DelegatedKeyState>>>;
}

export interface IssuerState {
  /** The operator's name for it, which groups refer to. */
  readonly name: string;
  readonly token: string;
  /** Newest last. */
  readonly keys: readonly IssuingKeyState[];
}

export interface CaState {
  /** Absent under an external root. */
  readonly root?: RootState;
  /** The first one issues where a group names none, and certifies the server itself. */
  readonly issuers: readonly IssuerState[];
}

export const noCa: CaState = { issuers: [] };

/** The name of the issuer that a new CA begins with. */
export const defaultIssuer = 'main';

/** A transition that the state does not allow; the message is a sentence for an operator. */
export class CaStateError extends Error {
  override readonly name = 'CaStateError';
}

const nameSyntax = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** @throws CaStateError */
export function checkIssuerName(name: string): string {
  if (!nameSyntax.test(name) || name === 'root')
    throw new CaStateError(
      `"${name}" cannot be the name of an issuer: use 1 to 32 small letters, digits and hyphens, and not "root".`,
    );
  return name;
}

/** @throws CaStateError where there is none of that name */
export function issuerIn({ issuers }: CaState, name: string): IssuerState {
  const found = issuers.find((issuer) => issuer.name === name);
  if (!found)
    throw new CaStateError(
      `There is no issuer "${name}"; there is ${issuers.map((issuer) => issuer.name).join(', ') || 'none'}.`,
    );
  return found;
}

/** @throws CaStateError where the name is taken or cannot be one */
export function addIssuer(state: CaState, issuer: IssuerState): CaState {
  checkIssuerName(issuer.name);
  if (state.issuers.some(({ name }) => name === issuer.name))
    throw new CaStateError(`There is an issuer "${issuer.name}" already.`);
  return { ...state, issuers: [...state.issuers, issuer] };
}

/** The state with one issuer replaced by what `change` makes of it. @throws CaStateError */
export function changeIssuer(
  state: CaState,
  name: string,
  change: (issuer: IssuerState) => IssuerState,
): CaState {
  const changed = change(issuerIn(state, name));
  return {
    ...state,
    issuers: state.issuers.map((issuer) => (issuer.name === name ? changed : issuer)),
  };
}

/** Adds the key that comes after the present one; there is one at a time. @throws CaStateError */
export function addIssuingKey(state: CaState, name: string, key: IssuingKeyState): CaState {
  return changeIssuer(state, name, (issuer) => {
    const waiting = issuer.keys.find((each) => each.state === 'requested' || each.state === 'next');
    if (waiting)
      throw new CaStateError(
        `The issuer "${name}" has a key that is ${waiting.state} already (generation ${waiting.generation}).`,
      );
    return { ...issuer, keys: [...issuer.keys, key] };
  });
}

/** Replaces the key of that generation. @throws CaStateError */
export function changeIssuingKey(
  state: CaState,
  name: string,
  generation: number,
  change: (key: IssuingKeyState) => IssuingKeyState,
): CaState {
  return changeIssuer(state, name, (issuer) => {
    if (!issuer.keys.some((key) => key.generation === generation))
      throw new CaStateError(`The issuer "${name}" has no key of generation ${generation}.`);
    const keys = issuer.keys.map((key) => (key.generation === generation ? change(key) : key));
    return { ...issuer, keys };
  });
}

/** The next key issues from now on, and the one before no more. @throws CaStateError */
export function activateIssuer(state: CaState, name: string): CaState {
  return changeIssuer(state, name, (issuer) => {
    if (!issuer.keys.some((key) => key.state === 'next'))
      throw new CaStateError(`The issuer "${name}" has no next key that could be activated.`);
    return { ...issuer, keys: issuer.keys.map(succeeded) };
  });
}

/** The same for the root. @throws CaStateError */
export function activateRoot(state: CaState): CaState {
  const { root } = state;
  if (!root?.keys.some((key) => key.state === 'next'))
    throw new CaStateError('The root has no next key that could be activated.');
  return { ...state, root: { ...root, keys: root.keys.map(succeeded) } };
}

function succeeded<Key extends { readonly state: CaKeyState }>(key: Key): Key {
  if (key.state === 'next') return { ...key, state: 'active' };
  return key.state === 'active' ? { ...key, state: 'retired' } : key;
}

/** Retired keys are announced no more. @throws CaStateError where there are none */
export function finishIssuer(state: CaState, name: string): CaState {
  return changeIssuer(state, name, (issuer) => {
    if (!issuer.keys.some((key) => key.state === 'retired'))
      throw new CaStateError(`The issuer "${name}" has no retired key.`);
    return { ...issuer, keys: issuer.keys.map(finished) };
  });
}

/** The same for the root. @throws CaStateError */
export function finishRoot(state: CaState): CaState {
  const { root } = state;
  if (!root?.keys.some((key) => key.state === 'retired'))
    throw new CaStateError('The root has no retired key.');
  return { ...state, root: { ...root, keys: root.keys.map(finished) } };
}

function finished<Key extends { readonly state: CaKeyState }>(key: Key): Key {
  return key.state === 'retired' ? { ...key, state: 'finished' } : key;
}

/** Of a root or an issuer, the key in that state. */
export function keyThatIs<Key extends { readonly state: CaKeyState }>(
  { keys }: { readonly keys: readonly Key[] },
  state: CaKeyState,
): Key | undefined {
  return keys.find((key) => key.state === state);
}

/** The number of the key that comes next. */
export function nextGeneration({
  keys,
}: {
  readonly keys: readonly { readonly generation: number }[];
}): number {
  return Math.max(0, ...keys.map(({ generation }) => generation)) + 1;
}
