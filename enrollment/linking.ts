/**
 * Linking of identity and proof of possession (RFC 7030 section 3.5): the request names the TLS connection it comes by, so
 * that nobody can take it from there and send it as their own.
 */

import { timingSafeEqual } from 'node:crypto';
import type { LinkingProof } from '../ca/certificate-plan.ts';
import type { RequestContent } from '../ca/certificate-request.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import type { Group } from './group.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';
import { nameAndNumber } from './requirement.ts';

/** Attributes that carry linking information: RFC 7030 section 3.5, and RFC 7894 section 3.3. */
export const carriers = ['challengePassword', 'estIdentityLinking'] as const;

/**
 * Verifies what is there: every carrier that a request has must hold the connection's channel binding, base64. What a
 * registration authority relays names the device's connection to the authority, and is waived (RFC 7030 section 3.7).
 * @param channelBindingOf tells the channel binding of the connection the request came by, or undefined where there is none;
 *   asked only when there is something to verify
 * @throws Refusal linking-required, linking-failed
 */
export function requireLinking(
  { challenges }: Pick<RequestContent, 'challenges'>,
  { group, relayedBy }: Pick<Caller, 'group' | 'relayedBy'>,
  channelBindingOf: () => Uint8Array | undefined,
): LinkingProof {
  const present = carriers.filter((carrier) => {
    const text = challenges[carrier];
    if (text === undefined) return false;
    // In a group of old clients it is a password, unless it is what it would be elsewhere.
    return !mayBePassword(carrier, group) || holdsChannelBinding(text, channelBindingOf());
  });
  const required = group.settings.linking === 'required';
  if (relayedBy) return required || present.length > 0 ? 'waived' : 'absent';
  if (present.length === 0) {
    if (required)
      throw refused(
        'linking-required',
        `Linking of identity and proof of possession is required here: put the channel binding of this TLS connection into ${carriers.map(nameAndNumber).join(' or ')}, as /${group.label}/csrattrs announces (RFC 7030 section 3.5).`,
      );
    return 'absent';
  }
  const channelBinding = group.settings.linking === 'off' ? undefined : channelBindingOf();
  if (!channelBinding)
    throw refused(
      'linking-failed',
      `The request carries ${present.join(' and ')}, which cannot be verified here; leave it out.`,
    );
  for (const carrier of present)
    if (!isBinding(challenges[carrier] ?? '', channelBinding))
      throw refused(
        'linking-failed',
        `The ${carrier} is not the channel binding of this TLS connection: base64 of tls-unique with TLS 1.2, of the RFC 9266 exporter value with TLS 1.3. A password belongs into HTTP Basic.`,
      );
  return 'verified';
}

function mayBePassword(carrier: (typeof carriers)[number], { settings }: Group): boolean {
  return carrier === 'challengePassword' && settings.challengePassword === 'one-time-password';
}

function refused(
  code: Extract<EnrollmentRefusalCode, `linking-${string}`>,
  reason: string,
): Refusal<EnrollmentRefusalCode> {
  return new Refusal(code, reason);
}

/** Whether a text is the channel binding of a connection, base64. */
export function holdsChannelBinding(text: string, channelBinding: Uint8Array | undefined): boolean {
  return channelBinding !== undefined && isBinding(text, channelBinding);
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** White space is left out: clients that encode with OpenSSL's BIO put a line end behind the value. */
function isBinding(text: string, channelBinding: Uint8Array): boolean {
  const digits = text.replaceAll(/\s/g, '');
  if (!base64.test(digits)) return false;
  const given = Buffer.from(digits, 'base64');
  return given.length === channelBinding.length && timingSafeEqual(given, channelBinding);
}
