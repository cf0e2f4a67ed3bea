/**
 * The decision: which certificate a caller gets, if any. Names come from the registry. A request that names someone
 * or something else is refused, not corrected.
 */

import { extensionOf } from '../ca/certificate.ts';
import type { CertificatePlan } from '../ca/certificate-plan.ts';
import type { Profile } from '../ca/certificate-profile.ts';
import type { CertificateRequest } from '../ca/certificate-request.ts';
import { readDer } from '../ca/der.ts';
import { describeName, encodeSubject, sameName } from '../ca/distinguished-name.ts';
import { readGeneralNames } from '../ca/general-names.ts';
import { allocatePerTenant } from './allocation/per-tenant.ts';
import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import type { LinkingProof } from './linking.ts';
import { identityMismatch, unauthenticated } from './refusal.ts';

export interface EnrollmentOrder {
  readonly request: CertificateRequest;
  readonly caller: Caller;
  readonly profile: Profile;
  /** What the request proved of the connection it came by. */
  readonly linking: LinkingProof;
  readonly requestId: string;
}

/** A first or further certificate for a device (RFC 7030 section 4.2.1). @throws Refusal identity-mismatch */
export function decideEnrollment(order: EnrollmentOrder): CertificatePlan {
  const { device } = order.caller;
  requireOwnSubject(order.request, device);
  requireOwnNames(order.request.subjectAltNames, device);
  const subject = encodeSubject({ commonName: device.id, serialNumber: device.serialNumber });
  return plan(order, subject, order.request.subjectAltNames);
}

/**
 * Renewal or rekeying of the TLS client certificate (RFC 7030 section 4.2.2): same subject, same names, same or new key.
 * @throws Refusal identity-mismatch, unauthenticated
 */
export function decideReenrollment(order: EnrollmentOrder): CertificatePlan {
  const { request, caller } = order;
  const { certificate } = caller;
  if (!certificate)
    throw unauthenticated(
      'Re-enrollment needs the certificate that is to be renewed as TLS client certificate.',
    );
  if (!sameName(request.subject, certificate.subject))
    throw identityMismatch(
      `The request's subject (${describeName(request.subjectAttributes)}) is not that of the certificate to be renewed (RFC 7030 section 4.2.2).`,
    );
  const san = extensionOf(certificate, 'subjectAltName');
  const names = san ? readGeneralNames(readDer(san.value)) : [];
  // Compared one by one: a URI may hold the comma that would join two names.
  if (
    names.length !== request.subjectAltNames.length ||
    names.some((name, i) => name !== request.subjectAltNames[i])
  )
    throw identityMismatch(
      `The request's subjectAltName (${request.subjectAltNames.join(', ') || 'none'}) is not that of the certificate to be renewed (${names.join(', ') || 'none'}) (RFC 7030 section 4.2.2).`,
    );
  requireOwnNames(names, caller.device);
  return plan(order, certificate.subject, names);
}

function plan(
  { request, caller, profile, linking, requestId }: EnrollmentOrder,
  subject: Uint8Array,
  subjectAltNames: readonly string[],
): CertificatePlan {
  return {
    profile,
    subject,
    subjectAltNames,
    publicKey: request.publicKey,
    endpoints: allocatePerTenant(caller.tenant),
    subscriber: caller.device.id,
    credential: caller.credential,
    linking,
    requestId,
  };
}

/** An empty subject names nobody and is filled from the registry; each attribute that is there must be the registry's. */
function requireOwnSubject({ subjectAttributes }: CertificateRequest, device: Device): void {
  const own: Record<string, string | undefined> = {
    commonName: device.id,
    serialNumber: device.serialNumber,
  };
  const foreign = subjectAttributes.filter(({ type, text }) => own[type] !== text);
  if (
    foreign.length > 0 ||
    new Set(subjectAttributes.map(({ type }) => type)).size < subjectAttributes.length
  )
    throw identityMismatch(
      `The request's subject (${describeName(subjectAttributes)}) is not what the registry holds for this device (${describeName(
        Object.entries(own).flatMap(([type, text]) => (text === undefined ? [] : [{ type, text }])),
      )}).`,
    );
}

function requireOwnNames(names: readonly string[], device: Device): void {
  const foreign = names.filter((name) => !device.names.includes(name));
  if (foreign.length > 0)
    throw identityMismatch(
      `The registry does not hold the names ${foreign.join(', ')} for device ${device.id}.`,
    );
}
