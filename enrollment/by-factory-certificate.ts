/**
 * Knows devices by the certificate that their manufacturer gave them (IEEE 802.1AR IDevID). Such a certificate says which
 * device it is; what the device may have, and whether it may have anything, is what the registry says.
 */

import { CertificateError } from '../ca/certificate.ts';
import { type FactoryCertificate, validateFactoryCertificate } from '../ca/factory-certificate.ts';
import { Refusal } from '../ca/refusal.ts';
import type { Caller } from './authenticator.ts';
import { checkSerialNumber, type Device } from './device.ts';
import { FactoryTrustStore, type ManufacturerAnchor } from './factory-trust.ts';
import { readFieldSource } from './field-source.ts';
import type { Group } from './group.ts';
import type { Manufacturer } from './manufacturer.ts';
import type { ManufacturerDirectory } from './manufacturer-directory.ts';
import { objectionToReach } from './objection-to-reach.ts';
import { type EnrollmentRefusalCode, unauthenticated } from './refusal.ts';

export interface FactoryCredentials {
  /** The TLS client certificate, DER. That the peer holds its key was proven in the handshake. */
  readonly certificate: Uint8Array;
  /** What came with it, DER. */
  readonly chain: readonly Uint8Array[];
  /** The group whose path was called. */
  readonly group?: Group;
  readonly source: string;
  readonly requestId: string;
}

/** Which device a factory certificate says it is of. It is no proof that we know the device. */
export interface FactoryIdentity {
  readonly manufacturer: Manufacturer;
  readonly serialNumber: string;
  readonly model?: string;
  readonly certificate: FactoryCertificate<ManufacturerAnchor>;
}

export class FactoryCertificateAuthenticator {
  readonly #directory: ManufacturerDirectory;
  readonly #trust = new FactoryTrustStore();

  constructor(directory: ManufacturerDirectory) {
    this.#directory = directory;
  }

  /** @throws Refusal unauthenticated, factory-certificate-refused */
  async identify(credentials: FactoryCredentials): Promise<Caller> {
    const { certificate, chain, group } = credentials;
    if (group) requireAcceptance(group);
    const trust = this.#trust.of(await this.#directory.list());
    const verdict = await validateFactoryCertificate(certificate, chain, trust, new Date());
    if (!verdict.valid)
      throw unauthenticated(
        `The client certificate is refused: it was not issued by this CA, and is no factory certificate that is good here. ${verdict.fault.says}`,
      );
    const identity = identityIn(verdict.certificate);
    const known = await this.#directory.deviceOf(identity.manufacturer.id, identity.serialNumber);
    const caller = requireHolder(identity, known, group);
    await this.#requirePinned(caller, credentials);
    return caller;
  }

  /** The first key that enrolled is the device's: another under the same number is of a copy, or of a mistake. */
  async #requirePinned(
    { device, credential }: Caller,
    { source, requestId }: FactoryCredentials,
  ): Promise<void> {
    if (isPinnedTo(device, credential.id)) return;
    const publicKeyDigest = credential.id;
    const at = new Date();
    await this.#directory.reportForeignKey({
      device: device.id,
      publicKeyDigest,
      source,
      requestId,
      at,
    });
    throw refusedFactory(
      `The factory certificate has another key than the one that device ${device.id} enrolled with before: it is a copy, or the device got new hardware (\`bestow device reset-factory ${device.id} --unpin\`).`,
    );
  }
}

/** Whether the device has this key, or may have any. */
export function isPinnedTo({ factoryKey }: Device, publicKeyDigest: string): boolean {
  return factoryKey === undefined || factoryKey === publicKeyDigest;
}

/**
 * What the registry has for who is identified.
 * @param known what is listed under that manufacturer and serial number
 * @param called the group whose path was called
 * @throws Refusal unauthenticated, factory-certificate-refused
 */
export function requireHolder(
  { manufacturer, serialNumber, model, certificate }: FactoryIdentity,
  known: Pick<Caller, 'device' | 'tenant' | 'group'> | undefined,
  called: Group | undefined,
): Caller {
  // One sentence for all three: whose else the device is, is nobody's affair here.
  if (
    !known ||
    objectionToReach(known, called) !== undefined ||
    (manufacturer.tenants.length > 0 && !manufacturer.tenants.includes(known.tenant.id))
  )
    throw refusedFactory(
      `The registry lists no device ${serialNumber} of ${manufacturer.id}${called ? ` in the group ${called.label}` : ' that may enroll here'}.`,
    );
  requireAcceptance(known.group);
  const objection = objectionToOwner(known.device, known.group);
  if (objection) throw refusedFactory(objection);
  return {
    ...known,
    credential: { kind: 'factory-certificate', id: certificate.publicKeyDigest },
    factorySubject: certificate.subjectName,
    ...(model === undefined ? {} : { model }),
  };
}

function requireAcceptance({ label, settings }: Group): void {
  if (settings.identity !== 'factory-certificate')
    throw unauthenticated(
      `The client certificate is refused: it was not issued by this CA, and the group ${label} accepts no factory certificates.`,
    );
}

/** Where the order list is what says whose a device is, one that was registered otherwise is nobody's yet. */
export function objectionToOwner(
  { id, ordered }: Pick<Device, 'id' | 'ordered'>,
  { label, settings }: Pick<Group, 'label' | 'settings'>,
): string | undefined {
  return settings.possession === 'order-list' && !ordered
    ? `Device ${id} of the group ${label} came in by no order list, which would say whose it is (\`bestow device import\`).`
    : undefined;
}

/** @throws Refusal factory-certificate-refused where the certificate does not say which device, or another model */
export function identityIn(certificate: FactoryCertificate<ManufacturerAnchor>): FactoryIdentity {
  const { manufacturer } = certificate.anchor;
  try {
    const serialNumber = checkSerialNumber(
      readFieldSource(certificate, manufacturer.serialFrom, 'serial'),
    );
    const model = manufacturer.modelFrom
      ? readFieldSource(certificate, manufacturer.modelFrom, 'model')
      : undefined;
    if (manufacturer.models.length > 0 && !manufacturer.models.includes(model ?? ''))
      throw refusedFactory(`The model ${model} of ${manufacturer.id} is not accepted here.`);
    return { manufacturer, serialNumber, certificate, ...(model === undefined ? {} : { model }) };
  } catch (error) {
    if (!(error instanceof CertificateError || error instanceof TypeError)) throw error;
    throw refusedFactory(
      `The factory certificate does not say which device of ${manufacturer.id} it is of: ${error.message}`,
    );
  }
}

export function refusedFactory(reason: string): Refusal<EnrollmentRefusalCode> {
  return new Refusal('factory-certificate-refused', reason);
}
