/**
 * Linking of identity and proof of possession (RFC 7030 section 3.5): the request names the TLS connection it comes by, so
 * that nobody can take it from there and send it as their own.
 */

import { timingSafeEqual } from 'node:crypto';
import type { CertificateRequest } from '../ca/certificate-request.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Group } from './group.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';

/** What a request proves of its connection; for the log and the audit log. */
export type LinkingProof = 'verified' | 'absent';

/** Attributes that carry linking information: RFC 7030 section 3.5, and RFC 7894 section 3.3. */
const carriers = ['challengePassword', 'estIdentityLinking'] as const;

/**
 * Verifies what is there: every carrier that a request has must hold the connection's channel binding, base64.
 * @param channelBindingOf tells the channel binding of the connection the request came by, or undefined where there is none;
 *   asked only when there is something to verify
 * @throws Refusal linking-required, linking-failed
 */
export function requireLinking(
  { challenges }: Pick<CertificateRequest, 'challenges'>,
  group: Group,
  channelBindingOf: () => Uint8Array | undefined,
): LinkingProof {
  const present = carriers.filter((carrier) => challenges[carrier] !== undefined);
  if (present.length === 0) {
    if (group.linking === 'required')
      throw refused(
        'linking-required',
        'Linking of identity and proof of possession is required here: put the channel binding of this TLS connection into challengePassword or estIdentityLinking (RFC 7030 section 3.5).',
      );
    return 'absent';
  }
  const channelBinding = group.linking === 'off' ? undefined : channelBindingOf();
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

function refused(
  code: Extract<EnrollmentRefusalCode, `linking-${string}`>,
  reason: string,
): Refusal<EnrollmentRefusalCode> {
  return new Refusal(code, reason);
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** White space is left out: clients that encode with OpenSSL's BIO put a line end behind the value. */
function isBinding(text: string, channelBinding: Uint8Array): boolean {
  const digits = text.replaceAll(/\s/g, '');
  if (!base64.test(digits)) return false;
  const given = Buffer.from(digits, 'base64');
  return given.length === channelBinding.length && timingSafeEqual(given, channelBinding);
}
