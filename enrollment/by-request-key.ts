/**
 * Knows devices by the key of their request, in groups whose devices come without a credential of their own. That the device
 * holds the key is proven by the request's signature; that it is the device it says is not, which is why the first key is
 * the only one (trust on first use), or waits for a person (staging).
 */

import type { Credential } from '../ca/certificate-plan.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { Group } from './group.ts';
import { registersNewcomers } from './provisioning.ts';
import { type EnrollmentRefusalCode, identityMismatch, unauthenticated } from './refusal.ts';
import type { TenantDirectory } from './tenant-directory.ts';

export interface KeyCredentials {
  /** The group whose path was called. */
  readonly group: Group;
  /** The CN of the request's subject. */
  readonly commonName: string | undefined;
  /** SHA-256 of the request's SubjectPublicKeyInfo, hexadecimal. */
  readonly publicKeyDigest: string;
  readonly source: string;
  readonly requestId: string;
}

/** The id of a device that is known by nothing but its first key: `dev-` and 32 hexadecimal digits of its digest. */
export function deviceIdOfKey(publicKeyDigest: string): string {
  return `dev-${publicKeyDigest.slice(0, 32)}`;
}

export class RequestKeyAuthenticator {
  readonly #registry: Pick<DeviceRegistry, 'find' | 'findByFirstKey' | 'reportForeignKey'>;
  readonly #tenants: Pick<TenantDirectory, 'find'>;

  constructor(
    registry: Pick<DeviceRegistry, 'find' | 'findByFirstKey' | 'reportForeignKey'>,
    tenants: Pick<TenantDirectory, 'find'>,
  ) {
    this.#registry = registry;
    this.#tenants = tenants;
  }

  /**
   * @param wanted what was shown besides, and proven; the key alone when left out
   * @throws Refusal identity-mismatch, first-key-mismatch
   */
  async identify(credentials: KeyCredentials, wanted?: Credential): Promise<Caller> {
    const credential: Credential = wanted ?? {
      kind: 'request-key',
      id: credentials.publicKeyDigest,
    };
    const caller = registersNewcomers(credentials.group.settings)
      ? await this.#newcomer(credentials)
      : await this.#expected(credentials);
    await this.#requireFirstKey(caller, credentials);
    return { ...caller, credential };
  }

  /** The device that the request names, which must be expected in this group. */
  async #expected({ group, commonName }: KeyCredentials): Promise<Omit<Caller, 'credential'>> {
    if (commonName === undefined)
      throw identityMismatch(
        `A device of the group ${group.label} says by the CN of its request which one it is.`,
      );
    const known = await this.#registry.find(commonName);
    if (!known || known.group.label !== group.label || known.device.role !== 'device')
      throw identityMismatch(
        `The group ${group.label} expects no device of that name; \`bestow device add\` registers one.`,
      );
    return known;
  }

  /** The device that has this key, or one that nobody has heard of and that will be called by it. */
  async #newcomer({ group, publicKeyDigest }: KeyCredentials): Promise<Omit<Caller, 'credential'>> {
    const id = deviceIdOfKey(publicKeyDigest);
    const known =
      (await this.#registry.findByFirstKey(group.label, publicKeyDigest)) ??
      (await this.#registry.find(id));
    if (known && known.group.label !== group.label)
      throw identityMismatch('The device of this key is known already, and not in this group.');
    if (known) return known;
    const owner = await this.#tenants.find(group.tenant);
    if (!owner) throw unauthenticated(`The tenant of the group ${group.label} is gone.`);
    const device: Device = {
      id,
      tenant: group.tenant,
      group: group.label,
      names: [],
      status: 'active',
      role: 'device',
    };
    return { device, tenant: owner.tenant, group, newcomer: true };
  }

  async #requireFirstKey(
    { device, group }: Pick<Caller, 'device' | 'group'>,
    { publicKeyDigest, source, requestId }: KeyCredentials,
  ): Promise<void> {
    const { firstKey } = device;
    if (firstKey === undefined || firstKey === publicKeyDigest) return;
    // A person sees in the staging area that it is another key, and decides; it is reported when it comes to stand there.
    if (group.settings.trust === 'staging') return;
    const at = new Date();
    const other = { device: device.id, publicKeyDigest, source, requestId, at };
    await this.#registry.reportForeignKey(other);
    throw firstKeyMismatch(device.id);
  }
}

export function firstKeyMismatch(device: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal('first-key-mismatch', firstKeyMismatchOf(device));
}

export function firstKeyMismatchOf(device: string): string {
  return `Device ${device} came with another key before, and that one is its own: this is another device, or it lost its key (\`bestow device reset-key ${device}\`).`;
}
