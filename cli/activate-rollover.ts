/**
 * Lets the next key issue, once everything that goes with it is there.
 */

import { activateIssuer, activateRoot, type CaState, delegations } from '../ca/ca-state.ts';
import {
  type CertificationAuthority,
  type IssuingKey,
  issuingKeysOf,
  readCertificationAuthority,
} from '../ca/certification-authority.ts';
import type { Config } from '../server/config.ts';
import type { Stores } from '../storage/stores.ts';
import { changeCa } from './certification-authority.ts';
import { reissueServerCertificate } from './issue-server-certificate.ts';
import { makeDelegatedKey } from './make-delegated-key.ts';
import { type OpenCa, openSigner } from './open-ca.ts';
import type { RolloverWork } from './start-rollover.ts';

/** An issuer by its name, or the root with all issuers below it. */
export type RolloverSubject = { readonly issuer: string } | 'root';

/**
 * In an order in which a run that is cut short leaves a CA that works, and can be run again: the keys that sign answers, the
 * TLS certificate, and then the switch, which is one change of the CA's state.
 * @throws CaStateError, TokenFault, SignerUnavailable
 */
export async function activateRollover(
  work: RolloverWork,
  subject: RolloverSubject,
): Promise<CertificationAuthority> {
  const { config, stores } = work;
  const transition = (state: CaState) =>
    subject === 'root' ? activateRoot(state) : activateIssuer(state, subject.issuer);
  const record = await stores.caState.load();
  const now = readCertificationAuthority(record);
  const then = readCertificationAuthority({ ...record, state: transition(record.state) });
  for (const key of activatedBetween(now, then)) {
    const open = await openKey(work, now, key);
    await makeMissingKeys(config, open, stores);
    await reissueServerCertificate(config, open, stores);
  }
  const object = subject === 'root' ? subject : subject.issuer;
  const change = { action: 'ca.rollover-activated', object };
  return changeCa(stores, config.directory, change, transition);
}

function activatedBetween(now: CertificationAuthority, then: CertificationAuthority): IssuingKey[] {
  const active = new Set(then.issuers.map((issuer) => issuer.active?.chain.issuing.id));
  return issuingKeysOf(now).filter(
    ({ state, chain }) => state === 'next' && active.has(chain.issuing.id),
  );
}

/** A key that is not active, opened as if it were. */
export async function openKey(
  { config, tokens }: RolloverWork,
  ca: CertificationAuthority,
  key: IssuingKey,
): Promise<OpenCa> {
  const token = tokens.open(key.token);
  const signer = await openSigner(config, token, key);
  return { ca, key, chain: key.chain, signer, token, close: () => undefined };
}

/** The keys that sign answers for an issuing key. */
export async function makeMissingKeys(config: Config, open: OpenCa, stores: Stores): Promise<void> {
  for (const which of delegations)
    if (!open.key.delegated[which]) await makeDelegatedKey(which, config, open, stores);
}
