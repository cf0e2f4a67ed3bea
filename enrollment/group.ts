import type { DeviceRole } from './device.ts';
import type { GroupSettings } from './group-settings.ts';

/** Devices of a tenant that are enrolled alike; its label stands in the EST path (RFC 7030 section 3.2.2). */
export interface Group {
  readonly label: string;
  readonly tenant: string;
  readonly settings: GroupSettings;
}

/**
 * A registration authority shows its credentials with each request that it relays. Its one-time password would be checked
 * each time and never spent, which is no password of one time.
 * @returns why a device of this role cannot be in the group, or undefined
 */
export function roleContradiction(
  role: DeviceRole,
  { label, settings }: Pick<Group, 'label' | 'settings'>,
): string | undefined {
  return role === 'registration-authority' && settings.credentials === 'both'
    ? `The group ${label} asks for a certificate and a one-time password with each request, and a registration authority cannot spend one for each that it relays; it needs a group with other credentials.`
    : undefined;
}

/** Names of operations can be no labels: RFC 7030 section 3.2.2, RFC 8295 section 1.5. */
const operations = new Set([
  'cacerts',
  'simpleenroll',
  'simplereenroll',
  'fullcmc',
  'serverkeygen',
  'csrattrs',
  'pal',
  'eecerts',
  'crls',
  'symmetrickeys',
  'firmware',
  'tamp',
]);
const syntax = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** @throws TypeError with a sentence */
export function checkLabel(label: string): string {
  if (!syntax.test(label))
    throw new TypeError(
      `"${label}" cannot be a label: use 1 to 63 letters, digits, dots, hyphens and underscores.`,
    );
  if (operations.has(label.toLowerCase()))
    throw new TypeError(
      `"${label}" is the name of an EST operation and cannot be a label (RFC 7030 section 3.2.2).`,
    );
  return label;
}
