/**
 * Makes an issuing key in its token, to be certified by the own root or by a CA above.
 */

import type { StoredKey } from '../ca/ca-state.ts';
import { tokenKeyName } from '../ca/certification-authority.ts';
import type { CaKeyType, Signer } from '../ca/signer.ts';
import type { OpenToken } from '../hsm/open-token.ts';
import { labelIsTaken, replaceKey } from '../hsm/replace-key.ts';
import type { Config } from '../server/config.ts';
import { conflict } from './exit.ts';
import { openSigner } from './open-ca.ts';
import { keyLabel, makeKey } from './set-up-ca.ts';

export interface IssuingKeyOrder {
  readonly issuer: string;
  readonly generation: number;
  /** Name of the token in the configuration. */
  readonly token: string;
  readonly keyType: CaKeyType;
}

export interface MadeIssuingKey {
  readonly key: StoredKey;
  readonly signer: Signer;
}

/**
 * @param certify records the key with its certificate or request; where it fails, the key is destroyed
 * @throws TokenFault; CommandError where the label is taken
 */
export async function makeIssuingKey<T>(
  config: Config,
  token: OpenToken,
  order: IssuingKeyOrder,
  certify: (made: MadeIssuingKey) => Promise<T>,
): Promise<T> {
  const label = keyLabel(order.issuer, order.generation);
  if (labelIsTaken(token, label))
    throw conflict(
      `The token "${order.token}" has a key ${label} that this CA does not know: a run that was cut short may have left it. Delete it with the token's own tool, or choose another name.`,
    );
  return replaceKey(token, label, [], async () => {
    const key = await makeKey(token, label, order.keyType);
    const signer = await openSigner(config, token, tokenKeyName(order.token, key));
    return certify({ key, signer });
  });
}
