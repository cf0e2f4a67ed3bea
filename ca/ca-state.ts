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
  /** Only this tenant's groups may use it; absent where all may. */
  readonly tenant?: string;
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

/** There is no issuer of that name. */
export class UnknownIssuer extends CaStateError {}

const nameSyntax = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** @throws CaStateError */
export function checkIssuerName(name: string): string {
  if (!nameSyntax.test(name) || name === 'root')
    throw new CaStateError(
      `"${name}" cannot be the name of an issuer: use 1 to 32 small letters, digits and hyphens, and not "root".`,
    );
  return name;
}

/** @throws UnknownIssuer */
export function issuerIn({ issuers }: CaState, name: string): IssuerState {
  const found = issuers.find((issuer) => issuer.name === name);
  if (!found)
    throw new UnknownIssuer(
      `There is no issuer "${name}"; there is ${issuers.map((issuer) => issuer.name).join(', ') || 'none'}.`,
    );
  return found;
}

/** @throws CaStateError where the name is taken or cannot be one */
export function addIssuer(state: CaState, issuer: IssuerState): CaState {
  checkIssuerName(issuer.name);
  if (state.issuers.some(({ name }) => name === issuer.name))
    throw new CaStateError(`There is an issuer "${issuer.name}" already.`);
  for (const key of issuer.keys) requireRootSigns(state, key);
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
  requireRootSigns(state, key);
  return addKeyToIssuer(state, name, key);
}

function addKeyToIssuer(state: CaState, name: string, key: IssuingKeyState): CaState {
  return changeIssuer(state, name, (issuer) => {
    requireNoneWaits(issuer);
    return { ...issuer, keys: [...issuer.keys, key] };
  });
}

/** @throws CaStateError where an issuer has a key already that comes after the present one */
export function requireNoneWaits({ name, keys }: IssuerState): void {
  const waiting = keys.find(({ state }) => state === 'requested' || state === 'next');
  if (waiting)
    throw new CaStateError(
      `The issuer "${name}" has a key that is ${waiting.state} already (generation ${waiting.generation}).`,
    );
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

/** Once its successor is certified, a root signs no more (RFC 8649 section 5). */
function requireRootSigns({ root }: CaState, key: IssuingKeyState): void {
  if (!root || !keyThatIs(root, 'next')) return;
  if (anchorOf(key) === keyThatIs(root, 'active')?.certificate)
    throw new CaStateError(
      'The root has a next key and signs no more with the present one: activate it first with `bestow ca rollover activate --root`.',
    );
}

/** The certificate of the root above a key, while it is certified. */
function anchorOf({ above }: IssuingKeyState): Base64 | undefined {
  return above.at(-1);
}

/** The issuers that a root of that certificate is above now. */
export function issuersUnder({ issuers }: CaState, root: RootKeyState): IssuerState[] {
  return issuers.filter((issuer) => {
    const active = keyThatIs(issuer, 'active');
    return active && anchorOf(active) === root.certificate;
  });
}

/** @throws CaStateError where there is no root whose key could be replaced now */
export function requireRollableRoot({
  root,
}: CaState): RootState & { readonly active: RootKeyState } {
  const active = root && keyThatIs(root, 'active');
  if (!root || !active)
    throw new CaStateError(
      'The root is not one of this CA: its owner replaces its key, and the issuing CAs follow with `bestow ca request`.',
    );
  if (keyThatIs(root, 'next')) throw new CaStateError('The root has a next key already.');
  // RFC 4210 section 4.4, note 2: links lead from one key to the next, and no further.
  if (keyThatIs(root, 'retired'))
    throw new CaStateError(
      'The key that the root had before is still announced: end that rollover first with `bestow ca rollover finish --root`.',
    );
  return { ...root, active };
}

/** The root that certifies the keys of an issuer. @throws CaStateError where that is not one of this CA */
export function requireRootOf(state: CaState, name: string): RootState & { active: RootKeyState } {
  const { root } = state;
  const active = root && keyThatIs(root, 'active');
  const issuing = keyThatIs(issuerIn(state, name), 'active');
  if (
    !root ||
    !active ||
    (issuing && !root.keys.some((key) => key.certificate === anchorOf(issuing)))
  )
    throw new CaStateError(
      `The issuer "${name}" is certified by another CA: ask it for the next certificate with \`bestow ca request\`.`,
    );
  return { ...root, active };
}

/** What a root is succeeded by. */
export interface NextRoot {
  readonly key: RootKeyState;
  /** The next key of every issuer under it, by the issuer's name. */
  readonly issuing: ReadonlyMap<string, IssuingKeyState>;
  /** For the root after it. */
  readonly prepared?: StoredKey;
}

/** Announces the next root, and the keys under it that will issue. @throws CaStateError */
export function addRoot(state: CaState, { key, issuing, prepared }: NextRoot): CaState {
  const { active, prepared: committed, ...root } = requireRollableRoot(state);
  if (committed && committed.publicKey !== key.publicKey)
    throw new CaStateError('The present root names another key as its successor (RFC 8649).');
  const keys = [...root.keys, key];
  const begun: CaState = { ...state, root: { ...root, keys, ...(prepared ? { prepared } : {}) } };
  return issuersUnder(state, active).reduce((now, { name }) => {
    const next = issuing.get(name);
    if (!next)
      throw new CaStateError(`The issuer "${name}" was added meanwhile; nothing was changed.`);
    return addKeyToIssuer(now, name, next);
  }, begun);
}

/** The next key issues from now on, and the one before no more. @throws CaStateError */
export function activateIssuer(state: CaState, name: string): CaState {
  const next = keyThatIs(issuerIn(state, name), 'next');
  if (!next)
    throw new CaStateError(`The issuer "${name}" has no next key that could be activated.`);
  if (state.root && anchorOf(next) === keyThatIs(state.root, 'next')?.certificate)
    throw new CaStateError(
      `The next key of the issuer "${name}" stands under the next root, and is activated with it: use --root.`,
    );
  return changeIssuer(state, name, succeed);
}

function succeed(issuer: IssuerState): IssuerState {
  return { ...issuer, keys: issuer.keys.map(succeeded) };
}

/** The same for the root, and for the keys that are next under it: all of them at once. @throws CaStateError */
export function activateRoot(state: CaState): CaState {
  const { root } = state;
  const next = root && keyThatIs(root, 'next');
  if (!next) throw new CaStateError('The root has no next key that could be activated.');
  const follows = (issuer: IssuerState) =>
    issuer.keys.some((key) => key.state === 'next' && anchorOf(key) === next.certificate);
  return {
    root: { ...root, keys: root.keys.map(succeeded) },
    issuers: state.issuers.map((issuer) => (follows(issuer) ? succeed(issuer) : issuer)),
  };
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

/** The same for the root, and for the retired keys under it. @throws CaStateError */
export function finishRoot(state: CaState): CaState {
  const { root } = state;
  const retired = root && keyThatIs(root, 'retired');
  if (!retired) throw new CaStateError('The root has no retired key.');
  const under = (key: IssuingKeyState) => anchorOf(key) === retired.certificate;
  for (const { name, keys } of state.issuers)
    if (keys.some((key) => under(key) && (key.state === 'active' || key.state === 'next')))
      throw new CaStateError(
        `The issuer "${name}" still works under the root that would be finished: replace its key first with \`bestow ca rollover start --issuer ${name}\`.`,
      );
  return {
    root: { ...root, keys: root.keys.map(finished) },
    issuers: state.issuers.map((issuer) => ({
      ...issuer,
      keys: issuer.keys.map((key) => (under(key) ? finished(key) : key)),
    })),
  };
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
