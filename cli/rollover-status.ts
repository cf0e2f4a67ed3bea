/**
 * How far the replacement of the CA's keys has come, and what is to be done next.
 */

import { readCaCertificate } from '../ca/ca-chain.ts';
import type { CaKeyState, CaState, IssuerState, RootState } from '../ca/ca-state.ts';
import { keyThatIs } from '../ca/ca-state.ts';
import { der } from '../ca/certification-authority.ts';
import type { IssuanceLedger, LiveCertificates } from '../ca/issuance-ledger.ts';

export interface KeyStatus {
  readonly generation: number;
  readonly state: CaKeyState;
  readonly label: string;
  readonly subject?: string;
  /** Of the key, as in records and in URLs of CRLs. */
  readonly id?: string;
  readonly notAfter?: Date;
  /** Certificates of devices by this key that are valid; of a root there are none. */
  readonly live?: number;
  readonly lastEnds?: Date;
}

export interface RolloverStatus {
  /** `root`, or the name of an issuer. */
  readonly of: string;
  readonly keys: readonly KeyStatus[];
  /** A sentence. */
  readonly next: string;
}

/** The root first, where there is one of its own. */
export async function rolloverStatus(
  state: CaState,
  ledger: IssuanceLedger,
  now: Date,
): Promise<RolloverStatus[]> {
  const issuers: RolloverStatus[] = [];
  for (const issuer of state.issuers) issuers.push(await issuerStatus(issuer, state, ledger, now));
  return state.root ? [rootStatus(state.root, now), ...issuers] : issuers;
}

function rootStatus(root: RootState, now: Date): RolloverStatus {
  const keys = root.keys.map((key) => keyStatus(key));
  const next = (() => {
    if (keyThatIs(root, 'next'))
      return 'When all devices have fetched /cacerts since: bestow ca rollover activate --root.';
    if (keyThatIs(root, 'retired'))
      return 'When all certificates under the key before have ended: bestow ca rollover finish --root.';
    return idle(keys, 'bestow ca rollover start --root', now);
  })();
  return { of: 'root', keys, next };
}

async function issuerStatus(
  issuer: IssuerState,
  { root }: CaState,
  ledger: IssuanceLedger,
  now: Date,
): Promise<RolloverStatus> {
  const { name } = issuer;
  const keys: KeyStatus[] = [];
  for (const key of issuer.keys) {
    const { id } = key.certificate ? readCaCertificate(der(key.certificate)) : {};
    keys.push(
      keyStatus(key, id === undefined ? undefined : await ledger.liveCertificates(id, now)),
    );
  }
  const waiting = keyThatIs(issuer, 'next');
  const isRoots = (anchor: string | undefined) =>
    root?.keys.some(({ certificate }) => certificate === anchor) === true;
  const next = (() => {
    if (keyThatIs(issuer, 'requested'))
      return 'When the certificate has come from the CA above: bestow ca import.';
    if (waiting && root && waiting.above.at(-1) === keyThatIs(root, 'next')?.certificate)
      return 'It goes with the root.';
    if (waiting)
      return `When all devices have fetched /cacerts since: bestow ca rollover activate --issuer ${name}.`;
    const live = keys.filter((key) => key.state === 'retired' && (key.live ?? 0) > 0);
    if (live.length > 0)
      return `Wait until devices have re-enrolled: certificates by retired keys are valid still (${live.reduce((sum, key) => sum + (key.live ?? 0), 0)}).`;
    if (keyThatIs(issuer, 'retired')) return `Now: bestow ca rollover finish --issuer ${name}.`;
    const start = isRoots(keyThatIs(issuer, 'active')?.above.at(-1))
      ? `bestow ca rollover start --issuer ${name}`
      : `bestow ca request ${name}`;
    return idle(keys, start, now);
  })();
  return { of: name, keys, next };
}

const day = 86_400_000;
/** Enough for the slowest of devices to come by, and for what they then have to end. */
const early = 365 * day;

function idle(keys: readonly KeyStatus[], start: string, now: Date): string {
  const ends = keys.find(({ state }) => state === 'active')?.notAfter;
  if (!ends) return 'There is no key that issues.';
  return ends.getTime() - now.getTime() < early
    ? `The key ends on ${ends.toISOString().slice(0, 10)}, begin now: ${start}.`
    : 'Nothing is under way.';
}

function keyStatus(
  key: {
    readonly generation: number;
    readonly state: CaKeyState;
    readonly label: string;
    readonly certificate?: string;
  },
  live?: LiveCertificates,
): KeyStatus {
  const { generation, state, label } = key;
  const read = key.certificate === undefined ? undefined : readCaCertificate(der(key.certificate));
  return {
    generation,
    state,
    label,
    ...(read
      ? { subject: read.x509.subject.replaceAll('\n', ', '), id: read.id, notAfter: read.notAfter }
      : {}),
    ...(live ? { live: live.count, ...(live.lastEnds ? { lastEnds: live.lastEnds } : {}) } : {}),
  };
}
