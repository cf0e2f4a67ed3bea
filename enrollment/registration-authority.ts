/**
 * Registration authorities (RFC 7030 section 3.7): they may enroll the devices of their tenant.
 */

import { readCertificate } from '../ca/certificate.ts';
import type { RequestContent } from '../ca/certificate-request.ts';
import { describeName, sameName } from '../ca/distinguished-name.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import type { Caller } from './authenticator.ts';
import { type Authorized, authorize } from './authorize.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { Group } from './group.ts';
import { isRegistrationAuthority } from './is-registration-authority.ts';
import { objectionToReach } from './objection-to-reach.ts';
import { identityMismatch } from './refusal.ts';

/**
 * For whom the certificate is: the caller, or the device that a registration authority names in the subject.
 * @param group that of the path, where it has a label
 * @throws Refusal identity-mismatch, and what keeps the authority from relaying anything
 */
export async function subscriberOf(
  caller: Caller,
  { subjectAttributes }: Pick<RequestContent, 'subjectAttributes'>,
  group: Group | undefined,
  registry: DeviceRegistry,
): Promise<Caller> {
  if (!isRegistrationAuthority(caller)) return caller;
  const id = subjectAttributes.find(({ type }) => type === 'commonName')?.text;
  if (id === undefined)
    throw identityMismatch('A registration authority must name the device in the subject.');
  if (id === caller.device.id) return caller;
  const relay = authorize({ operation: 'relay', caller, called: group });
  const device = await deviceFor(relay, id, registry);
  // Here already: what else the request shows must not tell whether another tenant has such a device.
  if (!device || objectionToReach(device, group))
    throw identityMismatch(
      `The registry holds no device (${describeName(subjectAttributes)}) that ${caller.device.id} may enroll here.`,
    );
  return device;
}

/** The device that a registration authority vouches for; whether it may is still to be judged. */
export async function deviceFor(
  { caller }: Authorized<'relay'>,
  id: string,
  registry: Pick<DeviceRegistry, 'find'>,
): Promise<Caller | undefined> {
  const known = await registry.find(id);
  const credential = { kind: 'registration-authority', id: caller.credential.id } as const;
  return known && { ...known, credential, relayedBy: caller.device };
}

/** A device that says itself who it is, in a message that comes by a registration authority. */
export function relayed(caller: Caller, relay: Authorized<'relay'> | undefined): Caller {
  return relay ? { ...caller, relayedBy: relay.caller.device } : caller;
}

/**
 * The device's certificate that a registration authority asks to renew: its latest valid one with the request's subject.
 * @throws Refusal identity-mismatch
 */
export async function withCertificateToRenew(
  caller: Caller,
  { subject, subjectAttributes }: Pick<RequestContent, 'subject' | 'subjectAttributes'>,
  ledger: IssuanceLedger,
  now: Date,
): Promise<Caller> {
  if (!caller.relayedBy) return caller;
  const records = await ledger.list({ subscriber: caller.device.id, limit: 20 });
  const renewed = records
    .filter((record) => !record.revokedAt && record.notAfter > now)
    .flatMap(({ certificate: der, foundRegions }) =>
      der ? [{ certificate: readCertificate(der), ...(foundRegions ? { foundRegions } : {}) }] : [],
    )
    .find(({ certificate }) => sameName(certificate.subject, subject));
  if (!renewed)
    throw identityMismatch(
      `Device ${caller.device.id} has no valid certificate with the subject ${describeName(subjectAttributes)} that could be renewed.`,
    );
  return { ...caller, ...renewed };
}
