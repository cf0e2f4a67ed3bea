import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import type { Group } from './group.ts';

/** What is on record of who asks, and in whose place. */
export type Subject = Pick<Caller, 'device' | 'tenant' | 'group' | 'relayedBy'>;

/**
 * Why a device is out of reach: of the label that was called, or of the registration authority that asks; or its records do
 * not belong together. An authenticator asks this too, where an answer would tell whose else a device is: who is out of
 * reach must look as who does not exist.
 * @returns a sentence for the log alone, or undefined
 */
export function objectionToReach(
  { device, tenant, group, relayedBy }: Subject,
  called: Group | undefined,
): string | undefined {
  const { id } = device;
  if (device.tenant !== tenant.id)
    return `Device ${id} is of tenant ${device.tenant}, and not of ${tenant.id}.`;
  if (group.tenant !== tenant.id)
    return `The group ${group.label} of device ${id} is tenant ${group.tenant}'s, and not ${tenant.id}'s.`;
  if (device.group !== group.label)
    return `Device ${id} is in the group ${device.group}, and not in ${group.label}.`;
  if (called && called.tenant !== tenant.id)
    return `Device ${id} does not belong to the group ${called.label}, which is another tenant's.`;
  if (called && called.label !== group.label && !servesAllGroups(device))
    return `Device ${id} does not belong to the group ${called.label}.`;
  if (!relayedBy) return undefined;
  if (relayedBy.tenant !== tenant.id)
    return `The registration authority ${relayedBy.id} asks for ${id}, which is another tenant's.`;
  if (relayedBy.role !== 'registration-authority')
    return `${relayedBy.id} asks for ${id}, and is no registration authority.`;
  if (device.role !== 'device')
    return `${relayedBy.id} asks for ${id}, which is no device but a registration authority itself.`;
  return undefined;
}

/** A registration authority serves all groups of its tenant, and so may call the label of each. */
function servesAllGroups({ role }: Device): boolean {
  return role === 'registration-authority';
}
