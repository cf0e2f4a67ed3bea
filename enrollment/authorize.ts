/**
 * The one decision point: whether who is known by its credentials may have what it asks for. Caller, label, group, profile,
 * issuer and tenant are judged together, from values alone, and everything that is given to a caller takes what this gives.
 * Names, keys and the form of a request are for the policy, which comes after.
 */

import { profileUse } from '../ca/built-in-profiles.ts';
import type { Credential } from '../ca/certificate-plan.ts';
import type { Profile } from '../ca/certificate-profile.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import type { Device } from './device.ts';
import { type Group, roleContradiction } from './group.ts';
import { isRegistrationAuthority } from './is-registration-authority.ts';
import { objectionToReach, type Subject } from './objection-to-reach.ts';
import {
  DeviceRefused,
  type EnrollmentRefusalCode,
  identityMismatch,
  unauthenticated,
} from './refusal.ts';

/** What ends in a certificate; `repeat` gives the answer to a renewal again, to who has but the old certificate. */
export type Issuing = 'enroll' | 'reenroll' | 'serverkeygen' | 'repeat';
/**
 * `relay` is to ask in the place of a device, whatever for; `consult` to be told what there is for the caller itself;
 * `adopt` to put a certificate on record that was issued before.
 */
export type Operation = Issuing | 'revoke' | 'relay' | 'consult' | 'adopt';

/** An issuing CA, and the only tenant that may use it where there is one. */
export interface IssuerOfTenant {
  readonly name: string;
  readonly tenant?: string;
}

export interface Demand<Of extends Operation = Operation> {
  readonly operation: Of;
  /** For whom it is; a registration authority that asks in its place is in it. */
  readonly caller: Caller;
  /** The group whose path was called; undefined where the path has no label. */
  readonly called: Group | undefined;
}

/** What the certificate is made by, and by whom. */
export interface IssuanceDemand<Of extends Issuing = Issuing> extends Demand<Of> {
  readonly profile: Profile;
  readonly issuer: IssuerOfTenant;
}

/** What it was made by, as far as it tells. */
export interface AdoptionDemand extends Demand<'adopt'> {
  readonly profile: Pick<Profile, 'name'>;
  readonly issuer: IssuerOfTenant;
}

let grant: <Of extends Operation>(demand: Demand<Of>) => Authorized<Of>;
let grantIssuance: <Of extends Issuing>(demand: IssuanceDemand<Of>) => AuthorizedIssuance<Of>;

/** A demand that was granted. Nothing but `authorize` makes one, and a copy of its fields is none. */
export class Authorized<Of extends Operation = Operation> {
  readonly operation: Of;
  readonly caller: Caller;
  /** Makes the type one of its own: nothing else is assignable to it. */
  declare protected readonly granted: true;

  protected constructor({ operation, caller }: Demand<Of>) {
    this.operation = operation;
    this.caller = caller;
  }

  static {
    grant = (demand) => new Authorized(demand);
  }
}

/** A certificate that was granted: for whom, by which profile, by which issuer. */
export class AuthorizedIssuance<Of extends Issuing = Issuing> extends Authorized<Of> {
  readonly profile: Profile;
  readonly issuer: IssuerOfTenant;

  private constructor(demand: IssuanceDemand<Of>) {
    super(demand);
    this.profile = demand.profile;
    this.issuer = demand.issuer;
  }

  static {
    grantIssuance = (demand) => new AuthorizedIssuance(demand);
  }
}

/** @throws Refusal unauthenticated, identity-mismatch, device-blocked, tenant-suspended, revocation-not-permitted, profile-not-permitted, issuer-not-permitted */
export function authorize<Of extends Issuing>(demand: IssuanceDemand<Of>): AuthorizedIssuance<Of>;
export function authorize(demand: AdoptionDemand): Authorized<'adopt'>;
export function authorize<Of extends Exclude<Operation, Issuing | 'adopt'>>(
  demand: Demand<Of>,
): Authorized<Of>;
export function authorize(demand: Demand | IssuanceDemand | AdoptionDemand): Authorized {
  const refusal = refusalOf(demand);
  if (refusal) throw refusal;
  return isIssuance(demand) ? grantIssuance(demand) : grant(demand);
}

function refusalOf(
  demand: Demand | IssuanceDemand | AdoptionDemand,
): Refusal<EnrollmentRefusalCode> | undefined {
  const refusal = refusalOfReach(demand) ?? refusalOfCredential(demand);
  // What was issued is put on record also of who is blocked by now, so that it can be revoked.
  if (isAdoption(demand)) return refusal ?? refusalOfAdoption(demand);
  return (
    refusal ??
    refusalOfStanding(demand.caller) ??
    (isIssuance(demand) ? refusalOfIssuance(demand) : undefined)
  );
}

function isIssuance(demand: Demand): demand is IssuanceDemand {
  const others: readonly Operation[] = ['revoke', 'relay', 'consult', 'adopt'];
  return !others.includes(demand.operation);
}

function isAdoption(demand: Demand): demand is AdoptionDemand {
  return demand.operation === 'adopt';
}

function refusalOfReach(demand: Demand): Refusal<EnrollmentRefusalCode> | undefined {
  const objection = objectionToReach(demand.caller, demand.called);
  return objection === undefined ? undefined : unknownHere(demand, objection);
}

/** Says outside nothing of who else there is. */
function unknownHere(
  { operation, caller: { device, relayedBy } }: Demand,
  objection: string,
): Refusal<EnrollmentRefusalCode> {
  if (operation === 'revoke') return revocationNotPermitted();
  return relayedBy
    ? identityMismatch(
        `The registry holds no device ${device.id} that ${relayedBy.id} may ask for here.`,
      )
    : unauthenticated(objection);
}

/** The same whoever asks, and whoever holds the certificate. */
export function revocationNotPermitted(): Refusal<EnrollmentRefusalCode> {
  return new Refusal(
    'revocation-not-permitted',
    'A certificate is revoked by a certificate of the same device, by a registration authority of its tenant, or by its revocationChallenge.',
  );
}

/** The ones of a device whose key makes it known, also where nobody has heard of it yet. */
const byKey: readonly Credential['kind'][] = ['bootstrap-credential', 'request-key'];
const ofKnownDevice: readonly Credential['kind'][] = [
  'one-time-password',
  'client-certificate',
  'factory-certificate',
  'registration-authority',
];

/** By what each can be asked for. Whether a group accepts a credential at all is the authentication policy. */
const credentials: Record<Operation, readonly Credential['kind'][]> = {
  enroll: [...ofKnownDevice, ...byKey],
  // Who is known by a key of its own has no use for one of ours.
  serverkeygen: ofKnownDevice,
  // A password stands beside the certificate where the group asks for both.
  reenroll: ['client-certificate', 'one-time-password', 'registration-authority'],
  repeat: ['client-certificate'],
  // A password is for enrolling: it revokes nothing.
  revoke: ['client-certificate', 'registration-authority'],
  relay: ['client-certificate'],
  consult: ['client-certificate', 'one-time-password'],
  adopt: ['operator'],
};

function refusalOfCredential(demand: Demand): Refusal<EnrollmentRefusalCode> | undefined {
  const objection = objectionToCredential(demand);
  return objection === undefined ? undefined : unknownHere(demand, objection);
}

function objectionToCredential({ operation, caller }: Demand): string | undefined {
  const { device, credential, certificate, relayedBy, newcomer } = caller;
  if (!credentials[operation].includes(credential.kind))
    return `Device ${device.id} cannot ${operation} by a credential of the kind ${credential.kind}.`;
  if (credential.kind === 'registration-authority' && !relayedBy)
    return `A registration authority is said to ask for ${device.id}, and there is none.`;
  if (newcomer && !byKey.includes(credential.kind))
    return `Nobody knows ${device.id} yet, and it shows a credential that only a known device has.`;
  if ((operation === 'reenroll' || operation === 'repeat') && !certificate)
    return 'Re-enrollment needs the certificate that is to be renewed as TLS client certificate.';
  if (operation === 'relay' && !isRegistrationAuthority(caller))
    return `${device.id} is no registration authority, and asks for itself alone.`;
  return undefined;
}

/** A known device may be barred. @returns device-blocked, tenant-suspended, unauthenticated */
export function refusalOfStanding({
  device,
  tenant,
  group,
  relayedBy,
}: Subject): Refusal<EnrollmentRefusalCode> | undefined {
  const blocked = [device, relayedBy].find((each) => each?.status === 'blocked');
  if (blocked)
    return new DeviceRefused('device-blocked', blocked.id, `Device ${blocked.id} is blocked.`);
  if (tenant.suspended)
    return new DeviceRefused('tenant-suspended', device.id, `Tenant ${tenant.id} is suspended.`);
  const contradiction = roleContradiction(device.role, group);
  return contradiction === undefined
    ? undefined
    : unauthenticated(`${device.id} is refused: ${contradiction}`);
}

/** The profile of a device: that of registration authorities, or the one that its group names. */
export function profileNameOf({ role }: Pick<Device, 'role'>, { settings }: Group): string {
  return role === 'device' ? settings.profile : role;
}

/** An issuer of a tenant's own issues for nobody else: its relying parties would take them for that tenant's. */
export function mayIssueFor({ tenant: owner }: IssuerOfTenant, tenant: string): boolean {
  return owner === undefined || owner === tenant;
}

function refusalOfIssuance({
  caller,
  profile,
  issuer,
}: IssuanceDemand): Refusal<EnrollmentRefusalCode> | undefined {
  const { device, group } = caller;
  if (profile.name !== profileNameOf(device, group))
    return profileNotPermitted(
      `The profile ${profile.name} is not the one of ${device.role === 'device' ? `the group ${group.label}` : 'registration authorities'}.`,
    );
  if (profileUse(profile.name) !== device.role) return notFor(device, profile);
  if (issuer.name !== group.settings.issuer)
    return issuerNotPermitted(
      `The issuer ${issuer.name} is not the one of the group ${group.label}.`,
    );
  return refusalOfIssuer(caller, issuer);
}

/**
 * The settings of the group and the role of the device may have been others when it was issued. A certificate may be of less
 * than the device is now, and not of more.
 */
function refusalOfAdoption({
  caller,
  profile,
  issuer,
}: AdoptionDemand): Refusal<EnrollmentRefusalCode> | undefined {
  const { device } = caller;
  const use = profileUse(profile.name);
  if (use !== 'device' && use !== device.role) return notFor(device, profile);
  return refusalOfIssuer(caller, issuer);
}

function refusalOfIssuer(
  { tenant, group }: Caller,
  issuer: IssuerOfTenant,
): Refusal<EnrollmentRefusalCode> | undefined {
  return mayIssueFor(issuer, tenant.id)
    ? undefined
    : issuerNotPermitted(
        `The issuer ${issuer.name} issues nothing for devices of the group ${group.label}.`,
      );
}

function notFor({ id, role }: Device, { name }: Pick<Profile, 'name'>) {
  return profileNotPermitted(
    `The profile ${name} is not for a ${role.replace('-', ' ')} such as ${id}.`,
  );
}

function profileNotPermitted(reason: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal('profile-not-permitted', reason);
}

function issuerNotPermitted(reason: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal('issuer-not-permitted', reason);
}
