/**
 * The decision: which certificate a caller gets, if any. Names come from the registry. A request that names someone
 * or something else is refused, not corrected.
 */

import { extensionOf } from '../ca/certificate.ts';
import type { CertificatePlan, KeylessPlan, LinkingProof } from '../ca/certificate-plan.ts';
import type { Profile } from '../ca/certificate-profile.ts';
import type { CertificateRequest, RequestContent } from '../ca/certificate-request.ts';
import { readDer } from '../ca/der.ts';
import {
  describeName,
  encodeSubject,
  type NameAttribute,
  sameName,
} from '../ca/distinguished-name.ts';
import { readGeneralNames } from '../ca/general-names.ts';
import { allocatePerTenant } from './allocation/per-tenant.ts';
import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import { identityMismatch, unauthenticated } from './refusal.ts';
import { requireContent, requireParts } from './request-requirements.ts';

export interface EnrollmentOrder {
  readonly request: CertificateRequest;
  readonly caller: Caller;
  readonly profile: Profile;
  /** What the request proved of the connection it came by. */
  readonly linking: LinkingProof;
  /** The request's revocationChallenge, concealed. */
  readonly revocationChallenge?: string;
  /** Where it came from: an IPv4 address, or an IPv6 /64 prefix. */
  readonly source: string;
  readonly requestId: string;
}

/** An order whose request holds no key that counts. */
export type KeylessOrder = Omit<EnrollmentOrder, 'request'> & { readonly request: RequestContent };

/**
 * A first or further certificate for a device (RFC 7030 section 4.2.1).
 * @throws Refusal unsupported-key, request-incomplete, identity-mismatch
 */
export function decideEnrollment(order: EnrollmentOrder): CertificatePlan {
  requireParts(order.request, order.caller.group, order.profile);
  return plan(order, enrolledNames(order));
}

/**
 * The same for a key that is to be made here (RFC 7030 section 4.4.1).
 * @throws Refusal request-incomplete, identity-mismatch
 */
export function decideKeyGeneration(order: KeylessOrder): KeylessPlan {
  requireContent(order.request, order.caller.group, order.profile);
  const requestKeyDigest = order.request.publicKeyDigest;
  return { ...keylessPlan(order, enrolledNames(order)), requestKeyDigest };
}

function enrolledNames(order: KeylessOrder): CertifiedNames {
  const { request, caller } = order;
  const { device } = caller;
  requireOwnSubject(request.subjectAttributes, device);
  const changed = changedNames(order);
  if (changed) return changed;
  requireOwnNames(request.subjectAltNames, device);
  const subject = encodeSubject({ commonName: device.id, serialNumber: device.serialNumber });
  return { subject, subjectAltNames: request.subjectAltNames };
}

/**
 * Renewal or rekeying of the TLS client certificate (RFC 7030 section 4.2.2): same subject, same names, same or new key.
 * @throws Refusal unauthenticated, unsupported-key, request-incomplete, identity-mismatch
 */
export function decideReenrollment(order: EnrollmentOrder): CertificatePlan {
  const { request, caller, profile } = order;
  const { certificate } = caller;
  if (!certificate)
    throw unauthenticated(
      'Re-enrollment needs the certificate that is to be renewed as TLS client certificate.',
    );
  requireParts(request, caller.group, profile);
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
  const changed = changedNames(order);
  const { revokeOld } = caller.group.settings;
  const renewal = revokeOld === 'after-new-is-used' ? { supersedes: certificate.serialNumber } : {};
  if (changed) return { ...plan(order, changed), ...renewal };
  requireOwnNames(names, caller.device);
  return { ...plan(order, { subject: certificate.subject, subjectAltNames: names }), ...renewal };
}

type CertifiedNames = Pick<CertificatePlan, 'subject' | 'subjectAltNames'>;

/**
 * The names of changeSubjectName (RFC 6402 section 2.8), where the request has one. What is absent there is absent in the
 * certificate: a device drops a name, or takes one that the registry holds since. Which attributes the subject has is the
 * request's choice; how they are written is ours.
 */
function changedNames({ request, caller }: KeylessOrder): CertifiedNames | undefined {
  const { subjectChange: change } = request;
  if (!change) return undefined;
  const { device, group } = caller;
  if (!group.settings.subjectChange)
    throw identityMismatch(
      `The group ${group.label} does not accept changeSubjectName (RFC 6402 section 2.8).`,
    );
  requireOwnSubject(change.subjectAttributes, device);
  requireOwnNames(change.subjectAltNames, device);
  const has = (type: string) => change.subjectAttributes.some((each) => each.type === type);
  const subject = encodeSubject({
    commonName: has('commonName') ? device.id : undefined,
    serialNumber: has('serialNumber') ? device.serialNumber : undefined,
  });
  return { subject, subjectAltNames: change.subjectAltNames };
}

function plan(order: EnrollmentOrder, names: CertifiedNames): CertificatePlan {
  return { ...keylessPlan(order, names), publicKey: order.request.publicKey };
}

function keylessPlan(
  { caller, profile, linking, revocationChallenge, requestId }: KeylessOrder,
  names: CertifiedNames,
): Omit<CertificatePlan, 'publicKey' | 'requestKeyDigest'> {
  return {
    profile,
    ...names,
    endpoints: allocatePerTenant(caller.tenant),
    subscriber: caller.device.id,
    credential: caller.credential,
    linking,
    ...(caller.relayedBy ? { relayedBy: caller.relayedBy.id } : {}),
    ...(revocationChallenge === undefined ? {} : { revocationChallenge }),
    requestId,
  };
}

/** An empty subject names nobody and is filled from the registry; each attribute that is there must be the registry's. */
function requireOwnSubject(subjectAttributes: readonly NameAttribute[], device: Device): void {
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
