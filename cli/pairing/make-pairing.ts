/** Pairing codes for devices, with all that is shown of them. Storing them is the caller's. */

import { hash } from 'node:crypto';
import { parseDuration } from '../../ca/certificate-profile.ts';
import { requireActive } from '../../ca/certification-authority.ts';
import type { Device } from '../../enrollment/device.ts';
import type { Group } from '../../enrollment/group.ts';
import { makeCredentialId } from '../../enrollment/one-time-password.ts';
import type { NewOneTimePassword } from '../../enrollment/one-time-password-store.ts';
import {
  hashPairingCode,
  makePairingCode,
  type PairingCodeKind,
  pairingCodeLifetimes,
  readPairingCode,
} from '../../enrollment/pairing-code.ts';
import { pairingUri } from '../../enrollment/pairing-uri.ts';
import { type Config, readSecret } from '../../server/config.ts';
import type { Stores } from '../../storage/stores.ts';
import { loadCa } from '../certification-authority.ts';
import { operator } from '../data.ts';
import { usage } from '../exit.ts';
import type { Label } from './label-sheet.ts';
import { serverAddress } from './server-address.ts';

export interface PairingOrder {
  readonly kind: PairingCodeKind;
  readonly ttl?: string;
  /** HOST or HOST:PORT. */
  readonly server?: string;
}

export interface MadePairing {
  readonly record: NewOneTimePassword;
  readonly label: Label;
}

type MakePairing = (device: Pick<Device, 'id'>, group: Group) => MadePairing;

/** Reads once what all pairings have in common. @throws CommandError, TypeError */
export async function preparePairing(
  stores: Pick<Stores, 'caState'>,
  config: Config,
  { kind, ttl, server: named }: PairingOrder,
): Promise<MakePairing> {
  const lifetime = lifetimeOf(kind, ttl);
  const server = serverAddress(config, named);
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const ca = await loadCa(stores);
  return ({ id: device }, group) => {
    requirePairing(group);
    const code = makePairingCode(kind);
    const read = readPairingCode(code);
    if (!read) throw new Error('A pairing code was made that is none.');
    const root = requireActive(ca, group.settings.issuer).chain.root.der;
    const fingerprint = hash('sha256', root, 'buffer');
    const createdAt = new Date();
    const expiresAt = new Date(createdAt.getTime() + lifetime * 1000);
    const passwordHash = hashPairingCode(read, device, pepper);
    const uri = pairingUri({ server, label: group.label, device, code, fingerprint });
    return {
      record: {
        id: makeCredentialId(),
        kind,
        device,
        passwordHash,
        createdAt,
        expiresAt,
        by: operator(),
      },
      label: { device, code, uri, expiresAt },
    };
  };
}

/** @throws CommandError */
export function requirePairing({ label, settings }: Group): void {
  if (settings.possession !== 'pairing-code')
    throw usage(
      `The group ${label} takes no pairing codes; \`bestow group set ${label} --possession pairing-code\` changes that.`,
    );
}

function lifetimeOf(kind: PairingCodeKind, ttl: string | undefined): number {
  const { usual, longest } = pairingCodeLifetimes[kind];
  const seconds = parseDuration(ttl ?? usual);
  if (seconds > longest)
    throw usage(
      kind === 'numeric-pairing-code'
        ? 'A numeric pairing code is too short a secret to be good for longer than 24h; --long makes one for longer.'
        : 'A pairing code can be good for 365d at most.',
    );
  return seconds;
}
