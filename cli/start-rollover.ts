/**
 * Begins to replace a key of the CA: makes the key that comes after it, with its certificates, and announces it.
 */

import { makeCaCertificate } from '../ca/ca-certificate.ts';
import { type CaCertificate, readCaCertificate } from '../ca/ca-chain.ts';
import {
  addIssuingKey,
  addRoot,
  type IssuerState,
  type IssuingKeyState,
  issuerIn,
  issuersUnder,
  keyThatIs,
  nextGeneration,
  type RootKeyState,
  type RootState,
  requireNoneWaits,
  requireRollableRoot,
  requireRootOf,
} from '../ca/ca-state.ts';
import { fingerprintOf } from '../ca/certificate.ts';
import { issuingCaProfile, rootCaProfile } from '../ca/certificate-profile.ts';
import { type CertificationAuthority, der, tokenKeyName } from '../ca/certification-authority.ts';
import { readDer } from '../ca/der.ts';
import { encodeName, readName } from '../ca/distinguished-name.ts';
import { makeRootLinks, type RootWithKey } from '../ca/root-links.ts';
import type { CaKeyType } from '../ca/signer.ts';
import { labelIsTaken } from '../hsm/replace-key.ts';
import type { Config } from '../server/config.ts';
import type { Stores } from '../storage/stores.ts';
import { changeCa } from './certification-authority.ts';
import { usage } from './exit.ts';
import { type IssuingKeyOrder, type MadeIssuingKey, makeIssuingKey } from './make-issuing-key.ts';
import { openSigner } from './open-ca.ts';
import { type OpenTokens, openRoot } from './open-tokens.ts';
import { base64, keyLabel } from './set-up-ca.ts';

export interface RolloverWork {
  readonly config: Config;
  readonly stores: Stores;
  readonly tokens: OpenTokens;
}

/**
 * The next key of one issuer, certified by the own root.
 * @throws CaStateError, TokenFault, CommandError; then there is no new key
 */
export async function startIssuerRollover(
  work: RolloverWork,
  name: string,
  keyType: CaKeyType | undefined,
): Promise<CertificationAuthority> {
  const { config, stores, tokens } = work;
  const { state } = await stores.caState.load();
  requireRootOf(state, name);
  const issuer = issuerIn(state, name);
  requireNoneWaits(issuer);
  const root = await openRoot(config, tokens, state);
  const order = orderOf(tokens, issuer, keyType);
  return makeIssuingKey(config, tokens.open(order.token), order, async (made) => {
    const key = await certify(issuer, order, made, root);
    const change = {
      action: 'ca.rollover-started',
      object: name,
      details: { generation: key.generation, certificates: [key].map(onRecord) },
    };
    return changeCa(stores, config.directory, change, (now) => addIssuingKey(now, name, key));
  });
}

export interface RootRolloverOptions {
  readonly keyType?: CaKeyType | undefined;
  /** Whether the next root names the key of the root after it (RFC 8649); it does where the present one does. */
  readonly hashOfNextRoot?: boolean | undefined;
}

/**
 * The next root, both links to the present one, and under it the next key of every issuer (RFC 4210 section 4.4.1).
 * @throws CaStateError, TokenFault, CommandError; then there are no new keys
 */
export async function startRootRollover(
  work: RolloverWork,
  options: RootRolloverOptions,
): Promise<CertificationAuthority> {
  const { config, stores, tokens } = work;
  const { state } = await stores.caState.load();
  const { active, ...present } = requireRollableRoot(state);
  const issuers = issuersUnder(state, active);
  for (const issuer of issuers) requireNoneWaits(issuer);
  const old = { ...(await openRoot(config, tokens, state)), state: present };
  const orders = rootOrders(tokens, present, active, options);
  const issuing = issuers.map((issuer) => [issuer, orderOf(tokens, issuer)] as const);
  const all = [orders.next, orders.after, ...issuing.map(([, order]) => order)];
  return withNewKeys(
    work,
    all.filter((order) => order !== undefined),
    async (made) => {
      const { key, root, after, certificates } = await makeRoot(work, old, orders, made);
      const keys = new Map<string, IssuingKeyState>();
      for (const [issuer, order] of issuing)
        keys.set(issuer.name, await certify(issuer, order, madeFor(order, made), root));
      const change = {
        action: 'ca.rollover-started',
        object: 'root',
        details: {
          generation: key.generation,
          certificates: [...certificates.map(describe), ...[...keys.values()].map(onRecord)],
        },
      };
      return changeCa(stores, config.directory, change, (now) =>
        addRoot(now, { key, issuing: keys, ...(after ? { prepared: after.key } : {}) }),
      );
    },
  );
}

type MadeKeys = ReadonlyMap<IssuingKeyOrder, MadeIssuingKey>;

function madeFor(order: IssuingKeyOrder, made: MadeKeys): MadeIssuingKey {
  const key = made.get(order);
  if (!key)
    throw new RangeError(`No key was made for ${keyLabel(order.issuer, order.generation)}.`);
  return key;
}

interface PresentRoot extends RootWithKey {
  readonly state: RootState;
}

async function makeRoot(
  work: RolloverWork,
  old: PresentRoot,
  orders: RootOrders,
  made: MadeKeys,
): Promise<{
  key: RootKeyState;
  root: RootWithKey;
  after: MadeIssuingKey | undefined;
  certificates: CaCertificate[];
}> {
  const next = orders.next ? madeFor(orders.next, made) : await openPrepared(work, old.state);
  const after = orders.after && madeFor(orders.after, made);
  const certificate = await makeCaCertificate({
    profile: after
      ? { ...rootCaProfile, ca: { nextRootKey: after.signer.publicKey } }
      : rootCaProfile,
    subject: old.certificate.subject,
    publicKey: next.signer.publicKey,
    signer: next.signer,
    now: new Date(),
    endsAfter: old.certificate.notAfter,
  });
  const root = { certificate, signer: next.signer };
  const { oldWithNew, newWithOld } = await makeRootLinks(old, root);
  const key: RootKeyState = {
    ...next.key,
    generation: orders.next?.generation ?? nextGeneration(old.state),
    state: 'next',
    certificate: base64(certificate.der),
    links: { oldWithNew: base64(oldWithNew.der), newWithOld: base64(newWithOld.der) },
  };
  return { key, root, after, certificates: [certificate, oldWithNew, newWithOld] };
}

interface RootOrders {
  /** Absent where its key is prepared. */
  readonly next?: IssuingKeyOrder;
  /** The key of the root after it. */
  readonly after?: IssuingKeyOrder;
}

function rootOrders(
  tokens: OpenTokens,
  { token, keys, prepared }: RootState,
  active: RootKeyState,
  { keyType, hashOfNextRoot }: RootRolloverOptions,
): RootOrders {
  if (prepared && keyType && prepared.keyType !== keyType)
    throw usage(
      `The present root names its successor already, a ${prepared.keyType} key (RFC 8649): leave --key-type out.`,
    );
  const order = (from: number) => ({
    issuer: 'root',
    generation: freeGeneration(tokens, 'root', token, from),
    token,
    keyType: keyType ?? prepared?.keyType ?? active.keyType,
  });
  const next = prepared ? undefined : order(nextGeneration({ keys }));
  const after =
    prepared || hashOfNextRoot
      ? order((next?.generation ?? nextGeneration({ keys })) + 1)
      : undefined;
  return { ...(next ? { next } : {}), ...(after ? { after } : {}) };
}

function orderOf(
  tokens: OpenTokens,
  issuer: IssuerState,
  keyType = keyThatIs(issuer, 'active')?.keyType ?? 'P-256',
): IssuingKeyOrder {
  const { name, token } = issuer;
  const generation = freeGeneration(tokens, name, token, nextGeneration(issuer));
  return { issuer: name, generation, token, keyType };
}

const mostLeftOver = 32;

/** What a run that was cut short has left in the token is left there: it may be a key of a CA that was restored since. */
function freeGeneration(tokens: OpenTokens, of: string, token: string, from: number): number {
  for (let generation = from; generation < from + mostLeftOver; generation++)
    if (!labelIsTaken(tokens.open(token), keyLabel(of, generation))) return generation;
  throw usage(
    `The token "${token}" has more than ${mostLeftOver} keys, such as ${keyLabel(of, from)}, that this CA does not know: delete them with the token's own tool.`,
  );
}

/** Makes several keys; where `certify` fails, all of them are destroyed. */
function withNewKeys<T>(
  work: RolloverWork,
  [order, ...more]: readonly IssuingKeyOrder[],
  certify: (made: MadeKeys) => Promise<T>,
  before: MadeKeys = new Map(),
): Promise<T> {
  if (!order) return certify(before);
  return makeIssuingKey(work.config, work.tokens.open(order.token), order, (made) =>
    withNewKeys(work, more, certify, new Map([...before, [order, made]])),
  );
}

/** The key that the present root names as its successor (RFC 8649). */
async function openPrepared(
  { config, tokens }: RolloverWork,
  { token, prepared }: RootState,
): Promise<MadeIssuingKey> {
  if (!prepared) throw new RangeError('There is no prepared key.');
  const name = tokenKeyName(token, prepared);
  return { key: prepared, signer: await openSigner(config, tokens.open(name.token), name) };
}

async function certify(
  issuer: IssuerState,
  { generation }: IssuingKeyOrder,
  { key, signer }: MadeIssuingKey,
  root: RootWithKey,
): Promise<IssuingKeyState> {
  const certificate = await makeCaCertificate({
    profile: issuingCaProfile,
    subject: subjectOfNext(issuer, generation),
    publicKey: signer.publicKey,
    signer: root.signer,
    issuer: root.certificate,
    now: new Date(),
  });
  return {
    ...key,
    generation,
    state: 'next',
    certificate: base64(certificate.der),
    above: [base64(root.certificate.der)],
    delegated: {},
  };
}

/** Upper bound of a common name (RFC 5280 appendix A.1). */
const longestName = 64;

/** `Acme Issuing CA` is followed by `Acme Issuing CA G2`: each key has a CRL of its own, and so a name of its own. */
export function subjectOfNext(issuer: IssuerState, generation: number): Uint8Array {
  const active = keyThatIs(issuer, 'active')?.certificate;
  const names = active ? readName(readDer(readCaCertificate(der(active)).subject)) : [];
  const suffix = ` G${generation}`;
  const next = (text: string) =>
    `${text.replace(/ G\d+$/, '').slice(0, longestName - suffix.length)}${suffix}`;
  const hasOne = names.some(({ type }) => type === 'commonName');
  const all = hasOne ? names : [...names, { type: 'commonName', text: issuer.name }];
  return encodeName(
    all.map(({ type, text }) => ({ type, text: type === 'commonName' ? next(text) : text })),
  );
}

/** For the audit log, which so knows of every certificate that the root signs. */
function describe({ der: octets, serialNumber, x509 }: CaCertificate) {
  const subject = x509.subject.replaceAll('\n', ', ');
  return { subject, serialNumber, fingerprint: fingerprintOf(octets) };
}

function onRecord({ certificate = '' }: IssuingKeyState) {
  return describe(readCaCertificate(der(certificate)));
}
