/**
 * Registration authorities (RFC 7030 section 3.7): they may enroll the devices of their tenant. One is known by two things:
 * a certificate of this CA with id-kp-cmcRA, and its role in the registry.
 */

import { type Certificate, extensionOf, readCertificate } from '../ca/certificate.ts';
import type { RequestContent } from '../ca/certificate-request.ts';
import { readDer, sameBytes } from '../ca/der.ts';
import { describeName, sameName } from '../ca/distinguished-name.ts';
import type { IssuanceLedger } from '../ca/issuance-ledger.ts';
import { oid } from '../ca/object-identifiers.ts';
import { type Caller, requireActive } from './authenticator.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { Group } from './group.ts';
import { identityMismatch } from './refusal.ts';

export function isRegistrationAuthority({ device, certificate }: Caller): boolean {
  return (
    device.role === 'registration-authority' &&
    certificate !== undefined &&
    hasRaPurpose(certificate)
  );
}

function hasRaPurpose(certificate: Certificate): boolean {
  const purposes = extensionOf(certificate, 'extKeyUsage');
  return (
    purposes !== undefined &&
    readDer(purposes.value).children.some(({ bytes }) => sameBytes(bytes, oid.cmcRA))
  );
}

/**
 * For whom the certificate is: the caller, or the device that a registration authority names in the subject.
 * @param group that of the path, where it has a label
 * @throws Refusal identity-mismatch, device-blocked, tenant-suspended
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
  const known = await registry.find(id);
  if (
    !known ||
    known.tenant.id !== caller.tenant.id ||
    known.device.role !== 'device' ||
    (group && known.group.label !== group.label)
  )
    throw identityMismatch(
      `The registry holds no device (${describeName(subjectAttributes)}) that ${caller.device.id} may enroll here.`,
    );
  requireActive(known.device, known.tenant);
  return {
    ...known,
    credential: { kind: 'registration-authority', id: caller.credential.id },
    relayedBy: caller.device,
  };
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
