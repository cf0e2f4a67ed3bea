import type { Certificate } from '../ca/certificate.ts';
import type { ClientCertificateValidator } from '../ca/client-certificate.ts';
import { sameBytes } from '../ca/der.ts';
import type { IssuanceLedger, IssuanceRecord } from '../ca/issuance-ledger.ts';
import type { Caller } from './authenticator.ts';
import { refusalOfStanding } from './authorize.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { Group } from './group.ts';
import { objectionToReach } from './objection-to-reach.ts';
import { DeviceRefused, unauthenticated } from './refusal.ts';

export interface CertificateCredentials {
  /** The TLS client certificate, DER. That the peer holds its key was proven in the handshake. */
  readonly certificate: Uint8Array;
  /** The group whose path was called. */
  readonly group?: Group;
}

/** Who a superseded certificate was of, which is nobody who may ask for anything; see `holderOfSuperseded`. */
export interface FormerHolder {
  readonly formerly: Caller;
}

interface Found {
  readonly certificate: Certificate;
  readonly record: IssuanceRecord;
}

/** Knows devices by a certificate of our own. Asked anew at every request: a connection outlives a revocation. */
export class CertificateAuthenticator {
  readonly #validator: ClientCertificateValidator;
  readonly #ledger: IssuanceLedger;
  readonly #registry: DeviceRegistry;

  constructor(
    validator: ClientCertificateValidator,
    ledger: IssuanceLedger,
    registry: DeviceRegistry,
  ) {
    this.#validator = validator;
    this.#ledger = ledger;
    this.#registry = registry;
  }

  /** Whether a certificate is another's, and well-formed: it identifies nobody here. */
  isForeign(certificate: Uint8Array): boolean {
    return this.#validator.isForeign(certificate);
  }

  /** @throws Refusal unauthenticated, certificate-revoked */
  async identify(credentials: CertificateCredentials): Promise<Caller> {
    const found = await this.#find(credentials.certificate);
    const { record } = found;
    if (record.revokedAt) throw revoked(record);
    const caller = await this.#holderOf(found, credentials);
    // It has arrived: the certificate that it takes the place of has no more use. Who is barred changes nothing.
    if (record.supersedes !== undefined && !refusalOfStanding(caller))
      await this.#ledger.supersede(record.issuer, record.serialNumber, new Date());
    return caller;
  }

  /**
   * Whose a certificate was that is revoked because it was renewed, all else being well. This identifies nobody: it says
   * who may get the answer to that renewal again, and is good for that alone.
   * @throws Refusal as `identify` does; certificate-revoked when it was revoked for another reason
   */
  async holderOfSuperseded(credentials: CertificateCredentials): Promise<FormerHolder> {
    const found = await this.#find(credentials.certificate);
    const { record } = found;
    if (record.revocationReason !== 'superseded') throw revoked(record);
    return { formerly: await this.#holderOf(found, credentials) };
  }

  async #find(der: Uint8Array): Promise<Found> {
    const verdict = this.#validator.validate(der, new Date());
    if (!verdict.valid)
      throw unauthenticated(`The client certificate is refused: ${verdict.reason}.`);
    const { certificate, issuer } = verdict;
    const { serialNumber } = certificate;
    const record = await this.#ledger.find(issuer.id, serialNumber);
    if (!record?.certificate || !sameBytes(record.certificate, der))
      throw unauthenticated(`The client certificate ${serialNumber} is not on record.`);
    return { certificate, record };
  }

  async #holderOf(
    { certificate, record }: Found,
    { group: called }: CertificateCredentials,
  ): Promise<Caller> {
    const { serialNumber } = record;
    const known =
      record.subscriber === undefined ? undefined : await this.#registry.find(record.subscriber);
    if (!known) throw unauthenticated(`The client certificate ${serialNumber} is no device's.`);
    // Here already: at another's label it must look as if nobody knew it.
    const objection = objectionToReach(known, called);
    if (objection) throw unauthenticated(objection);
    return {
      ...known,
      certificate,
      ...(record.foundRegions ? { foundRegions: record.foundRegions } : {}),
      credential: { kind: 'client-certificate', id: serialNumber },
    };
  }
}

function revoked(record: IssuanceRecord): DeviceRefused {
  const { serialNumber, subscriber, revocationReason = 'unspecified' } = record;
  return new DeviceRefused(
    'certificate-revoked',
    subscriber,
    revocationReason === 'certificateHold'
      ? `The certificate ${serialNumber} is on hold; an operator can release it.`
      : `The certificate ${serialNumber} is revoked (${revocationReason}).`,
  );
}
