/**
 * The CA's certificates and keys, as far as a backup and a restoration need them.
 */

import type { CaCertificate } from '../../ca/ca-chain.ts';
import type { CaState, StoredKey } from '../../ca/ca-state.ts';
import { fingerprintOf } from '../../ca/certificate.ts';
import {
  der,
  issuingKeysOf,
  readCertificationAuthority,
} from '../../ca/certification-authority.ts';
import { octetsKey } from '../../ca/object-identifiers.ts';
import { keyIdentifier } from '../../hsm/public-key.ts';
import type { Stores } from '../../storage/stores.ts';
import type { KeyInToken } from './manifest.ts';

export interface CaOnRecord {
  /** The certificate of every key that an issuing CA ever had. */
  readonly issuers: readonly CaCertificate[];
  readonly keys: readonly KeyInToken[];
  /** Of each trust anchor. */
  readonly rootFingerprints: readonly string[];
}

export async function readCaOnRecord({ caState }: Pick<Stores, 'caState'>): Promise<CaOnRecord> {
  const record = await caState.load();
  const chains = issuingKeysOf(readCertificationAuthority(record)).map(({ chain }) => chain);
  return {
    issuers: chains.map(({ issuing }) => issuing),
    keys: keysIn(record.state),
    rootFingerprints: [...new Set(chains.map(({ root }) => fingerprintOf(root.der)))],
  };
}

/** Also those whose certificate is still to come. */
function keysIn({ root, issuers }: CaState): KeyInToken[] {
  const ofRoot = root ? [...root.keys, ...(root.prepared ? [root.prepared] : [])] : [];
  return [
    ...ofRoot.map((key) => nameOf(root?.token ?? '', key)),
    ...issuers.flatMap(({ token, keys }) =>
      keys
        .flatMap((key) => [key, ...Object.values(key.delegated)])
        .map((key) => nameOf(token, key)),
    ),
  ];
}

function nameOf(token: string, { label, publicKey }: StoredKey): KeyInToken {
  return { token, label, id: octetsKey(keyIdentifier(der(publicKey))) };
}
