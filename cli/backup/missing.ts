/**
 * What a CA needs that a backup of its data directory does not hold, as sentences for who restores it.
 */

import type { TokenConfig } from '../../hsm/token-config.ts';
import type { Config, SecretReference } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { isInside } from './collect-files.ts';
import type { KeyInToken } from './manifest.ts';

export function missingParts(config: Config, keys: readonly KeyInToken[]): string[] {
  const { directory, tokens, pepper, events } = config;
  return [
    ...missingSecret(directory, 'key that one-time passwords are hashed under', pepper),
    ...Object.entries(events.brokers).flatMap(([broker, { password, key }]) => [
      ...(password ? missingSecret(directory, `password for the broker ${broker}`, password) : []),
      ...(key ? missingSecret(directory, `key for the broker ${broker}`, key) : []),
    ]),
    ...Object.entries(tokens).flatMap(([name, token]) => [
      ...missingSecret(directory, `PIN of the token "${token.token}"`, token.pin),
      ...(isOwnSoftHsm(directory, token) ? [] : [inTokenElsewhere(name, token, keys)]),
    ]),
  ];
}

/** A software token in the data directory goes along: its keys are files, encrypted under its PIN. */
function isOwnSoftHsm(directory: string, { environment }: TokenConfig): boolean {
  const conf = environment?.SOFTHSM2_CONF;
  return conf !== undefined && isInside(dataPaths(directory).softHsm, conf);
}

function missingSecret(directory: string, what: string, reference: SecretReference): string[] {
  if ('env' in reference) return [`The ${what} is in the environment variable ${reference.env}.`];
  return isInside(directory, reference.file) ? [] : [`The ${what} is in ${reference.file}.`];
}

/** CKA_EXTRACTABLE is false: not even wrapped does a key come out for us. */
function inTokenElsewhere(
  name: string,
  { token: tokenLabel }: TokenConfig,
  keys: readonly KeyInToken[],
): string {
  const list = keys
    .filter(({ token }) => token === name)
    .map(({ label, id }) => `${label} (CKA_ID ${id})`);
  return `The private keys in the token "${tokenLabel}" cannot leave it by way of Bestow, since they are made CKA_EXTRACTABLE=false: back the token up by the procedure of its maker. It has to hold ${list.join(', ') || 'nothing yet'}.`;
}
