/**
 * Ends the announcement of a key, once nobody needs it to verify anything.
 */

import { type CaState, finishIssuer, finishRoot } from '../ca/ca-state.ts';
import { readCertificate } from '../ca/certificate.ts';
import {
  type CertificationAuthority,
  type IssuingKey,
  issuingKeyOf,
  issuingKeysOf,
  readCertificationAuthority,
} from '../ca/certification-authority.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import type { Config } from '../server/config.ts';
import { dataPaths, readPem } from '../server/data-directory.ts';
import type { Stores } from '../storage/stores.ts';
import type { RolloverSubject } from './activate-rollover.ts';
import { changeCa } from './certification-authority.ts';
import { conflict } from './exit.ts';

/**
 * The status of what the key signed stays answered.
 * @param force whether certificates that have not ended do not matter
 * @throws CaStateError; CommandError where certificates of the key have not ended
 */
export async function finishRollover(
  { config, stores }: { readonly config: Config; readonly stores: Stores },
  subject: RolloverSubject,
  force: boolean,
): Promise<CertificationAuthority> {
  const transition = (state: CaState) =>
    subject === 'root' ? finishRoot(state) : finishIssuer(state, subject.issuer);
  const record = await stores.caState.load();
  const now = readCertificationAuthority(record);
  const then = readCertificationAuthority({ ...record, state: transition(record.state) });
  const ending = finishedBetween(now, then);
  if (!force) {
    await requireNoneLive(ending, stores.ledger);
    requireOtherTls(now, ending, config);
  }
  const object = subject === 'root' ? subject : subject.issuer;
  const change = {
    action: 'ca.rollover-finished',
    object,
    details: { forced: force, keys: ending.map(({ chain }) => chain.issuing.id) },
  };
  return changeCa(stores, config.directory, change, transition);
}

function finishedBetween(now: CertificationAuthority, then: CertificationAuthority): IssuingKey[] {
  const before = new Map(issuingKeysOf(now).map((key) => [key.chain.issuing.id, key.state]));
  return issuingKeysOf(then).filter(
    ({ state, chain }) => state === 'finished' && before.get(chain.issuing.id) === 'retired',
  );
}

async function requireNoneLive(keys: readonly IssuingKey[], ledger: IssuanceLedger): Promise<void> {
  for (const { issuer, generation, chain } of keys) {
    const { count, lastEnds } = await ledger.liveCertificates(chain.issuing.id, new Date());
    if (count > 0)
      throw conflict(
        `Certificates of devices by the key ${generation} of the issuer "${issuer}" are valid still (${count}, the last until ${lastEnds?.toISOString()}): wait, have the devices re-enroll, or finish with --force.`,
      );
  }
}

/** Of this server; another node has one of its own. */
function requireOtherTls(
  ca: CertificationAuthority,
  keys: readonly IssuingKey[],
  { directory }: Config,
): void {
  const issuing = issuingKeyOf(ca, readCertificate(readPem(dataPaths(directory).serverChain)));
  if (issuing && keys.some(({ chain }) => chain.issuing.id === issuing.chain.issuing.id))
    throw conflict(
      `The TLS certificate of this server is by the key ${issuing.generation} of the issuer "${issuing.issuer}" still; a running server replaces it within the hour.`,
    );
}
