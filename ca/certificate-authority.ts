/**
 * Issues certificates in the order that loses nothing: record the intent, sign, check, record the certificate.
 * A crash between any two steps leaves a record from which the same certificate can be finished or revoked.
 */

import type { CaCertificate } from './ca-chain.ts';
import type { CertificatePlan, KeylessPlan } from './certificate-plan.ts';
import type { Profile } from './certificate-profile.ts';
import { digestOf } from './certificate-request.ts';
import { checkCertificate } from './check-certificate.ts';
import { ClockGuard } from './clock-guard.ts';
import { CertificateComposer, type StatusUrls } from './compose-certificate.ts';
import { encode, readDer, sameBytes, tags } from './der.ts';
import { failpoint } from './failpoint.ts';
import type {
  ForeseenIntent,
  IssuanceLedger,
  IssuanceRecord,
  RevocationOrder,
} from './issuance-ledger.ts';
import { readPublicKey } from './key-rules.ts';
import { requireWellFormedCertificate } from './lint/lint-certificate.ts';
import { Refusal } from './refusal.ts';
import { makeSerialNumber } from './serial-number.ts';
import { signStructure } from './sign-structure.ts';
import { type Signer, SignerUnavailable } from './signer.ts';
import { type Validity, validityOf } from './validity.ts';

export interface Issued {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly serialNumber: string;
  readonly notAfter: Date;
  /** The same request was answered before; this is the same certificate. */
  readonly repeated: boolean;
}

export interface CertificateAuthorityParts {
  readonly issuer: CaCertificate;
  readonly signer: Signer;
  readonly ledger: IssuanceLedger;
  /** First octet of every serial number, 1 to 127. */
  readonly serialPrefix: number;
  readonly statusUrls?: StatusUrls;
  /** What it issues ends then at the latest; where a CA above the issuer ends before it does. */
  readonly ends?: Date;
  /** How many partitions the CRL has that new certificates are listed in (crl-partition.ts); one unless it is given. */
  readonly crlPartitions?: number;
  readonly clock?: () => Date;
}

export class CertificateAuthority {
  readonly issuer: CaCertificate;
  readonly #signer: Signer;
  readonly #ledger: IssuanceLedger;
  readonly #serialPrefix: number;
  readonly #statusUrls: StatusUrls | undefined;
  readonly #crlPartitions: number;
  readonly #bounds: Validity;
  readonly #clock: () => Date;
  readonly #clockGuard: ClockGuard;
  readonly #composers = new WeakMap<Profile, CertificateComposer>();

  /** @throws Error when the signer's key is not that of the CA certificate: nobody could verify what it signs */
  constructor(parts: CertificateAuthorityParts) {
    if (!sameBytes(parts.signer.publicKey, parts.issuer.subjectPublicKeyInfo))
      throw new Error('The signer does not hold the key of the CA certificate.');
    this.issuer = parts.issuer;
    this.#signer = parts.signer;
    this.#ledger = parts.ledger;
    this.#serialPrefix = parts.serialPrefix;
    this.#statusUrls = parts.statusUrls;
    this.#crlPartitions = parts.crlPartitions ?? 1;
    const { notBefore, notAfter } = parts.issuer;
    const ends = parts.ends && parts.ends < notAfter ? parts.ends : notAfter;
    this.#bounds = { notBefore, notAfter: ends };
    this.#clock = parts.clock ?? (() => new Date());
    this.#clockGuard = new ClockGuard(parts.issuer, parts.ledger);
  }

  /**
   * @throws Refusal credential-spent, key-in-use, key-compromised, subscriber-inactive
   * @throws LintFindings when the profile would give a certificate that is not well-formed
   * @throws ClockRefused: nothing was recorded or spent
   * @throws SignerUnavailable: the intent stays on record, and the same request finishes it later
   */
  async issue(plan: CertificatePlan): Promise<Issued> {
    failpoint('decided');
    if (!this.#signer.available)
      throw new SignerUnavailable('The CA key is out of reach; nothing was recorded or spent.');
    const now = this.#clock();
    await this.#clockGuard.require(now);
    const validity = validityOf(plan.profile, this.#bounds, now);
    const serialNumber = makeSerialNumber(this.#serialPrefix);
    const composer = this.#composer(plan.profile);
    const toBeSigned = composer.compose(plan, serialNumber, validity);
    requireWellFormedCertificate(toBeSigned, this.issuer);
    const outcome = await this.#ledger.recordIntent({
      issuer: this.issuer.id,
      serialNumber,
      toBeSigned,
      publicKeyDigest: digestOf(plan.publicKey.subjectPublicKeyInfo),
      requestDigest: requestDigestOf(plan),
      profile: plan.profile.name,
      credential: plan.credential,
      ...optionalParts(plan),
      crlPartition: composer.crlPartition(serialNumber),
      endpoints: plan.profile.endpoints === 'none' ? [] : plan.endpoints,
      ...validity,
      requestId: plan.requestId,
      recordedAt: now,
    });
    failpoint('intent-recorded');
    switch (outcome.kind) {
      case 'refused':
        throw new Refusal(outcome.code, outcome.reason);
      case 'recorded':
        return {
          ...(await this.#complete(
            { serialNumber, toBeSigned, notAfter: validity.notAfter },
            plan,
          )),
          repeated: false,
        };
      case 'repeated':
        return { ...(await this.#release(outcome.record, plan)), repeated: true };
    }
  }

  /**
   * Whether it is worth asking a person about a plan, by what is on record now.
   * @throws Refusal credential-spent, key-in-use, key-compromised, subscriber-inactive
   */
  async requireIssuable(plan: CertificatePlan | KeylessPlan): Promise<void> {
    const objection = await this.#ledger.objectionTo(this.#foreseen(plan));
    if (objection) throw new Refusal(objection.code, objection.reason);
  }

  /** What the same request brought before, if it would be answered with that. */
  repetitionOf(plan: CertificatePlan | KeylessPlan): Promise<IssuanceRecord | undefined> {
    return this.#ledger.repetitionOf(this.#foreseen(plan));
  }

  #foreseen(plan: CertificatePlan | KeylessPlan): ForeseenIntent {
    const key = 'publicKey' in plan ? plan.publicKey.subjectPublicKeyInfo : undefined;
    return {
      issuer: this.issuer.id,
      ...(key ? { publicKeyDigest: digestOf(key) } : {}),
      requestDigest: requestDigestOf(plan),
      credential: plan.credential,
      ...optionalParts(plan),
      recordedAt: this.#clock(),
    };
  }

  /** @returns the record as it is now, or undefined if this CA knows no such serial number */
  revoke(serialNumber: string, order: RevocationOrder): Promise<IssuanceRecord | undefined> {
    return this.#ledger.revoke(this.issuer.id, serialNumber, order);
  }

  async #release(record: IssuanceRecord, plan: CertificatePlan): Promise<Omit<Issued, 'repeated'>> {
    const { certificate, serialNumber, notAfter } = record;
    if (certificate) return { certificate, serialNumber, notAfter };
    // Where keys are made here, the same request may have come twice at the same time and made two.
    const { publicKey } = plan.requestKeyDigest === undefined ? plan : keyIn(record.toBeSigned);
    return this.#complete(record, { ...plan, publicKey });
  }

  /** Signing the same to-be-signed octets a second time is harmless; only the certificate stored first is released. */
  async #complete(
    intent: Pick<IssuanceRecord, 'serialNumber' | 'toBeSigned' | 'notAfter'>,
    { publicKey, requestId, supersedesAtOnce = false }: CertificatePlan,
  ): Promise<Omit<Issued, 'repeated'>> {
    const { serialNumber, toBeSigned, notAfter } = intent;
    const signed = await signStructure(toBeSigned, this.#signer);
    failpoint('signed');
    checkCertificate(signed, { toBeSigned, serialNumber, publicKey }, this.issuer);
    failpoint('certificate-checked');
    const key = { issuer: this.issuer.id, serialNumber, supersedesAtOnce };
    const certificate = await this.#ledger.recordCertificate(key, signed, this.#clock(), requestId);
    failpoint('certificate-recorded');
    return { certificate, serialNumber, notAfter };
  }

  #composer(profile: Profile): CertificateComposer {
    let composer = this.#composers.get(profile);
    if (!composer) {
      composer = new CertificateComposer(profile, {
        subject: this.issuer.subject,
        keyIdentifier: this.issuer.keyIdentifier,
        algorithm: this.#signer.algorithm,
        ...(this.#statusUrls ? { statusUrls: this.#statusUrls } : {}),
        crlPartitions: this.#crlPartitions,
      });
      this.#composers.set(profile, composer);
    }
    return composer;
  }
}

function optionalParts(plan: CertificatePlan | KeylessPlan) {
  const { subscriber, registration } = plan;
  const { linking, relayedBy, approval, revocationChallenge, requestKeyDigest, supersedes } = plan;
  const { foundRegions } = plan;
  return {
    ...(subscriber === undefined ? {} : { subscriber }),
    ...(registration ? { registration } : {}),
    ...(requestKeyDigest === undefined ? {} : { requestKeyDigest }),
    ...(linking ? { linking } : {}),
    ...(relayedBy === undefined ? {} : { relayedBy }),
    ...(approval === undefined ? {} : { approval }),
    ...(revocationChallenge === undefined ? {} : { revocationChallenge }),
    ...(supersedes === undefined ? {} : { supersedes }),
    ...(foundRegions ? { foundRegions } : {}),
  };
}

/** What a repeated request is recognised by: key, subject, names and profile; SHA-256, hexadecimal. */
export function requestDigestOf(plan: CertificatePlan | KeylessPlan): string {
  const { profile, subject, subjectAltNames } = plan;
  const texts = [profile.name, ...subjectAltNames].map(utf8String);
  return digestOf(Buffer.concat([requestKeyOf(plan), subject, ...texts]));
}

/** The key of a TBSCertificate (RFC 5280 section 4.1). */
function keyIn(toBeSigned: Uint8Array): Pick<CertificatePlan, 'publicKey'> {
  const key = readDer(toBeSigned).children[6];
  if (!key) throw new TypeError('The record holds no to-be-signed certificate.');
  return { publicKey: readPublicKey(key) };
}

function requestKeyOf(plan: CertificatePlan | KeylessPlan): Uint8Array {
  if (plan.requestKeyDigest !== undefined) return utf8String(plan.requestKeyDigest);
  // A KeylessPlan always has the digest.
  return (plan as CertificatePlan).publicKey.subjectPublicKeyInfo;
}

function utf8String(text: string): Uint8Array {
  return encode(tags.utf8String, Buffer.from(text));
}
