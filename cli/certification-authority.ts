/**
 * The CA as commands read and change it.
 */

import { renameSync, writeFileSync } from 'node:fs';
import type { CaState } from '../ca/ca-state.ts';
import type { CaStateChange } from '../ca/ca-state-store.ts';
import type { Certificate } from '../ca/certificate.ts';
import {
  type CertificationAuthority,
  issuingKeysOf,
  readCertificationAuthority,
} from '../ca/certification-authority.ts';
import type { IssuanceRecord } from '../ca/issuance-ledger.ts';
import { findIssued } from '../enrollment/issuers.ts';
import { dataPaths, toPem } from '../server/data-directory.ts';
import type { Stores } from '../storage/stores.ts';
import { operator } from './data.ts';
import { conflict } from './exit.ts';

type CaStores = Pick<Stores, 'caState'>;

/** @throws Error with a sentence when it does not hold together */
export async function loadCa({ caState }: CaStores): Promise<CertificationAuthority> {
  return readCertificationAuthority(await caState.load());
}

/** A certificate of any key of this CA, by its serial number. */
export async function findOnRecord(
  stores: Pick<Stores, 'caState' | 'ledger'>,
  serialNumber: string,
): Promise<IssuanceRecord | undefined> {
  const certificates = issuingKeysOf(await loadCa(stores)).map(({ chain }) => chain.issuing);
  return findIssued({ certificates }, stores.ledger, serialNumber);
}

const attempts = 5;

/**
 * Makes the next state of the CA, of whatever it is at that moment, and brings the copies in the data directory up to date.
 * @param transition is called again where another process was faster
 * @throws CaStateError of the transition; Error when the new state would not hold together; then nothing is changed
 */
export async function changeCa(
  { caState }: CaStores,
  directory: string,
  change: Omit<CaStateChange, 'at' | 'by'>,
  transition: (state: CaState) => CaState,
): Promise<CertificationAuthority> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { version, state } = await caState.load();
    const next = transition(state);
    const ca = readCertificationAuthority({ version: version + 1, state: next });
    if (!(await caState.save(version, next, { ...change, at: new Date(), by: operator() })))
      continue;
    writeCaCopies(directory, ca);
    return ca;
  }
  throw conflict('Others change the CA at the same moment; nothing was changed.');
}

/** For other programs, which trust the root or check the status of certificates. */
export function writeCaCopies(
  directory: string,
  { issuers: [issuer] }: CertificationAuthority,
): void {
  const chain = issuer?.active?.chain;
  if (!chain) return;
  const { root, issuing } = dataPaths(directory);
  writeAtOnce(root, toPem(chain.root.der));
  writeAtOnce(issuing, toPem(chain.issuing.der));
}

/** Nobody ever reads half of it. */
export function writeAtOnce(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

/** Every certificate from the issuing keys, those they had and those they will have, up to their roots. */
export function certificatesOfCa(ca: CertificationAuthority): Certificate[] {
  return issuingKeysOf(ca).flatMap(({ chain: { issuing, intermediates, root } }) => [
    issuing,
    ...intermediates,
    root,
  ]);
}
