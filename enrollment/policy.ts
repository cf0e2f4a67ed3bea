/**
 * The decision: which certificate a caller gets, if any. Names come from the registry, as the profile puts them. A request
 * that names someone or something else is refused, not corrected.
 */

import { type Certificate, extensionOf } from '../ca/certificate.ts';
import type { CertificatePlan, KeylessPlan, LinkingProof } from '../ca/certificate-plan.ts';
import type { Profile } from '../ca/certificate-profile.ts';
import type { CertificateRequest, RequestContent } from '../ca/certificate-request.ts';
import { readDer } from '../ca/der.ts';
import {
  describeName,
  encodeName,
  type NameAttribute,
  sameName,
} from '../ca/distinguished-name.ts';
import { readGeneralNames } from '../ca/general-names.ts';
import { keyEstablishmentProfile } from '../ca/key-establishment-profile.ts';
import { Refusal } from '../ca/refusal.ts';
import { type AllocationRules, allocate, allocationCase } from './allocation/allocate.ts';
import type { Caller } from './authenticator.ts';
import type { AuthorizedIssuance, Issuing } from './authorize.ts';
import { namesOf, requireNames, subjectOf } from './certified-names.ts';
import { type EnrollmentRefusalCode, identityMismatch } from './refusal.ts';
import { requireContent, requireParts } from './request-requirements.ts';

/** How possession of the key was proven: by the request's own signature, or by decryption of a challenge. */
export type ProvenPossession = 'by-signature' | 'by-decryption';

export interface EnrollmentOrder<Of extends Issuing = Issuing> {
  readonly request: CertificateRequest;
  /** For whom, by which profile, by which issuer. */
  readonly authorized: AuthorizedIssuance<Of>;
  /** By signature, unless it is given. */
  readonly possession?: ProvenPossession;
  /** What the request proved of the connection it came by. */
  readonly linking: LinkingProof;
  /** The request's revocationChallenge, concealed. */
  readonly revocationChallenge?: string;
  /** By which the device gets its upstream endpoints. */
  readonly allocation: AllocationRules;
  /** Where it came from: an IPv4 address, or an IPv6 /64 prefix. */
  readonly source: string;
  readonly requestId: string;
}

/** An order whose request holds no key that counts. */
export type KeylessOrder<Of extends Issuing = Issuing> = Omit<
  EnrollmentOrder<Of>,
  'request' | 'possession'
> & { readonly request: RequestContent };

/** An order with what it was authorised for at hand. */
type Judged<Order> = Order & { readonly caller: Caller; readonly profile: Profile };

function judged<Order extends KeylessOrder>(order: Order): Judged<Order> {
  const { caller, profile } = order.authorized;
  return { ...order, caller, profile };
}

function judgedByPossession<Of extends Issuing>(
  order: EnrollmentOrder<Of>,
): Judged<EnrollmentOrder<Of>> {
  const { caller, profile } = order.authorized;
  return {
    ...order,
    caller,
    profile:
      order.possession === 'by-decryption'
        ? keyEstablishmentProfile(profile, order.request.publicKey)
        : profile,
  };
}

/**
 * A first or further certificate for a device (RFC 7030 section 4.2.1).
 * @throws Refusal unsupported-key, request-incomplete, identity-mismatch
 */
export function decideEnrollment(given: EnrollmentOrder<'enroll'>): CertificatePlan {
  const order = judgedByPossession(given);
  requireParts(order.request, order.caller.group, order.profile);
  return plan(order, enrolledNames(order));
}

/**
 * The same for a key that is to be made here (RFC 7030 section 4.4.1).
 * @throws Refusal key-generation-not-allowed, request-incomplete, identity-mismatch
 */
export function decideKeyGeneration(given: KeylessOrder<'serverkeygen'>): KeylessPlan {
  const order = judged(given);
  requireKeyOfProfile(order);
  requireContent(order.request, order.caller.group, order.profile);
  const requestKeyDigest = order.request.publicKeyDigest;
  return { ...keylessPlan(order, enrolledNames(order)), requestKeyDigest };
}

function requireKeyOfProfile({ caller: { group }, profile }: Judged<KeylessOrder>): void {
  const { serverKeyType } = group.settings;
  if (profile.keyTypes.length > 0 && !profile.keyTypes.includes(serverKeyType))
    throw new Refusal<EnrollmentRefusalCode>(
      'key-generation-not-allowed',
      `The group ${group.label} has keys of type ${serverKeyType} made, which its profile ${profile.name} does not accept.`,
    );
}

function enrolledNames(order: Judged<KeylessOrder>): CertifiedNames {
  const { request, caller, profile } = order;
  const own = subjectOf(profile, caller);
  // Where an operator gives the device its id, it cannot know it: who approved has seen what it calls itself.
  if (caller.group.settings.identity !== 'assigned')
    requireOwnSubject(request.subjectAttributes, own);
  const changed = changedNames(order);
  if (changed) return changed;
  return named(own, namesOf(request.subjectAltNames, profile, caller), order);
}

/**
 * Renewal or rekeying of the TLS client certificate (RFC 7030 section 4.2.2): same subject, same names, same or new key.
 * @throws Refusal unsupported-key, request-incomplete, identity-mismatch
 */
export function decideReenrollment(given: EnrollmentOrder<'reenroll' | 'repeat'>): CertificatePlan {
  const order = judgedByPossession(given);
  const { request, caller, profile } = order;
  const { certificate } = caller;
  if (!certificate)
    throw new TypeError('A renewal was authorised without the certificate that is to be renewed.');
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
  const renewal = supersession(certificate, caller);
  if (changed) return { ...plan(order, changed), ...renewal };
  // The subject stays as it is, whatever the profile has come to say; the registry and the profile of today may bar a name.
  requireNames(names, profile, caller);
  return { ...plan(order, { subject: certificate.subject, subjectAltNames: names }), ...renewal };
}

function supersession(
  { serialNumber }: Certificate,
  { group }: Caller,
): Pick<CertificatePlan, 'supersedes' | 'supersedesAtOnce'> {
  switch (group.settings.revokeOld) {
    case 'never':
      return {};
    case 'after-new-is-used':
      return { supersedes: serialNumber };
    case 'now':
      return { supersedes: serialNumber, supersedesAtOnce: true };
  }
}

type CertifiedNames = Pick<CertificatePlan, 'subject' | 'subjectAltNames'>;

/**
 * The names of changeSubjectName (RFC 6402 section 2.8), where the request has one. What is absent there is absent in the
 * certificate: a device drops a name, or takes one that the registry holds since. Which attributes the subject has is the
 * request's choice; how they are written is ours.
 */
function changedNames(order: Judged<KeylessOrder>): CertifiedNames | undefined {
  const { request, caller, profile } = order;
  const { subjectChange: change } = request;
  if (!change) return undefined;
  const { group } = caller;
  if (!group.settings.subjectChange)
    throw identityMismatch(
      `The group ${group.label} does not accept changeSubjectName (RFC 6402 section 2.8).`,
    );
  const own = subjectOf(profile, caller);
  requireOwnSubject(change.subjectAttributes, own);
  requireNames(change.subjectAltNames, profile, caller);
  const kept = own.filter((each) => change.subjectAttributes.some((asked) => isSame(asked, each)));
  return named(kept, change.subjectAltNames, order);
}

/** @throws Refusal identity-mismatch where that is no name at all (RFC 5280 section 4.1.2.6) */
function named(
  subject: readonly NameAttribute[],
  subjectAltNames: readonly string[],
  { profile, caller }: Judged<KeylessOrder>,
): CertifiedNames {
  if (subject.length === 0 && subjectAltNames.length === 0)
    throw identityMismatch(
      `The certificate would name nobody: neither the profile ${profile.name} nor the request gives device ${caller.device.id} a name.`,
    );
  return { subject: encodeName(subject), subjectAltNames };
}

function plan(order: Judged<EnrollmentOrder>, names: CertifiedNames): CertificatePlan {
  return { ...keylessPlan(order, names), publicKey: order.request.publicKey };
}

function keylessPlan(
  {
    caller,
    profile,
    linking,
    revocationChallenge,
    allocation,
    source,
    requestId,
  }: Judged<KeylessOrder>,
  names: CertifiedNames,
): Omit<CertificatePlan, 'publicKey' | 'requestKeyDigest'> {
  // None yet where a webhook names them: it is asked when all else is decided (admit.ts).
  const { endpoints, foundRegions } = allocate(allocationCase(caller, source), allocation);
  return {
    profile,
    ...names,
    endpoints,
    ...(foundRegions ? { foundRegions: { ...foundRegions } } : {}),
    subscriber: caller.device.id,
    ...(caller.newcomer
      ? { registration: { tenant: caller.tenant.id, group: caller.group.label } }
      : {}),
    credential: caller.credential,
    linking,
    ...(caller.relayedBy ? { relayedBy: caller.relayedBy.id } : {}),
    ...(revocationChallenge === undefined ? {} : { revocationChallenge }),
    requestId,
  };
}

/**
 * An empty subject names nobody and is filled by the profile; each attribute that is there must be one that the profile gives.
 */
function requireOwnSubject(asked: readonly NameAttribute[], own: readonly NameAttribute[]): void {
  const left = [...own];
  const foreign = asked.some((attribute) => {
    const at = left.findIndex((each) => isSame(each, attribute));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  if (foreign)
    throw identityMismatch(
      `The request's subject (${describeName(asked)}) is not what the registry holds for this device and its profile gives (${describeName(own)}).`,
    );
}

function isSame(a: NameAttribute, b: NameAttribute): boolean {
  return a.type === b.type && a.text === b.text;
}
