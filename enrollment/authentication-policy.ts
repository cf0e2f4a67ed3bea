/**
 * Whether what a caller has shown is what its group asks for (RFC 7030 section 3.2.3). Each credential has been verified
 * before; here it is decided whether it is accepted, and whether it is enough.
 */

import type { Group } from './group.ts';
import type { PasswordScheme } from './group-settings.ts';
import { takesOwnPassword } from './provisioning.ts';
import { unauthenticated } from './refusal.ts';
import type { RequestPassword } from './request-password.ts';

/** How a good one-time password came. */
export interface ShownPassword {
  readonly carrier: PasswordScheme | RequestPassword['carrier'] | 'identityProof';
  /** As sent by HTTP; a password in the request, or a proof by one in CMC, needs none. */
  readonly userName?: string;
}

export interface Shown {
  /** A good client certificate, of the same device as any password. */
  readonly certificate: boolean;
  /** A good factory certificate: for enrollment it is as good as one of ours, and for nothing else. */
  readonly factoryCertificate?: boolean;
  readonly passwords: readonly ShownPassword[];
}

/** Re-enrollment is by the certificate that is renewed (RFC 7030 section 4.2.2), whatever else is asked for. */
export type Purpose = 'enrollment' | 're-enrollment';

/** @throws Refusal unauthenticated, with the reason for the log alone */
export function requireCredentials(group: Group, shown: Shown, purpose: Purpose): void {
  const objection = objectionTo(group, shown, purpose);
  if (objection) throw unauthenticated(objection);
}

/** @returns what is wrong or missing, or undefined when it will do */
export function objectionTo(group: Group, shown: Shown, purpose: Purpose): string | undefined {
  for (const password of shown.passwords) {
    const objection = objectionToPassword(group, password);
    if (objection) return objection;
  }
  return whatIsMissing(group, shown, purpose);
}

function objectionToPassword(
  { label, settings }: Group,
  { carrier, userName }: ShownPassword,
): string | undefined {
  if (settings.credentials === 'certificate' || !takesOwnPassword(settings))
    return `The group ${label} accepts no password of a device.`;
  if (carrier !== 'basic' && carrier !== 'digest') return undefined;
  if (!settings.passwordSchemes.includes(carrier))
    return `The group ${label} accepts no password by HTTP ${carrier}.`;
  if (userName === '' && !settings.passwordOnly)
    return `The group ${label} accepts no password without a user name.`;
  return undefined;
}

function whatIsMissing(
  { label, settings }: Group,
  { certificate, factoryCertificate = false, passwords }: Shown,
  purpose: Purpose,
): string | undefined {
  const { credentials } = settings;
  const password = passwords.length > 0;
  if (credentials === 'both')
    return certificate && password
      ? undefined
      : `The group ${label} asks for a client certificate and a password; the ${certificate ? 'password' : 'certificate'} is missing.`;
  if (purpose === 're-enrollment')
    return certificate ? undefined : 'Re-enrollment needs the client certificate to be renewed.';
  if (credentials === 'password' && !password)
    return `The group ${label} asks for a password; a client certificate serves for re-enrollment alone.`;
  if (!(certificate || factoryCertificate || password))
    return 'The request has neither a client certificate nor a password.';
  // One without the other is a device without its owner's word, or anybody who has that word.
  if (settings.identity === 'factory-certificate' && takesOwnPassword(settings) && !certificate)
    return factoryCertificate && password
      ? undefined
      : `The group ${label} asks for a factory certificate and a password; the ${password ? 'certificate' : 'password'} is missing.`;
  return undefined;
}
