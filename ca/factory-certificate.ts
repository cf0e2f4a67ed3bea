/**
 * Certificates that a manufacturer put into its devices (IEEE 802.1AR IDevID), which our CA did not issue. They are kept
 * apart from ours by their type: where a `Certificate` of ours is asked for, none of these will do.
 */

import { type Certificate, CertificateError, fingerprintOf } from './certificate.ts';
import { DerError } from './der.ts';
import { type FactoryField, fieldOf } from './factory-fields.ts';
import { findPaths, longestPath, type PossiblePath } from './path-validation/find-paths.ts';
import { nameText, type PathFault, pathFault, subjectText } from './path-validation/path-fault.ts';
import {
  publicKeyDigestOf,
  readBounded,
  type TrustAnchor,
} from './path-validation/trust-anchor.ts';
import { readKey, validatePath } from './path-validation/validate-path.ts';

/** What is trusted to issue factory certificates, and what may stand in between though the device does not send it. */
export interface FactoryTrust<Anchor extends TrustAnchor = TrustAnchor> {
  readonly anchors: readonly Anchor[];
  readonly intermediates: readonly Certificate[];
}

/** A factory certificate that chains to a trust anchor; only `validateFactoryCertificate` makes one. */
export class FactoryCertificate<Anchor extends TrustAnchor = TrustAnchor> {
  readonly #certificate: Certificate;
  readonly anchor: Anchor;
  /** Subjects from below the device up to the anchor, as text. */
  readonly issuers: readonly string[];

  constructor({ anchor, certificates }: PossiblePath<Anchor>) {
    this.#certificate = certificates.at(-1) ?? certificates[0];
    this.anchor = anchor;
    this.issuers = [...certificates.slice(0, -1).reverse(), anchor.certificate].map(subjectText);
  }

  /** SHA-256 of its SubjectPublicKeyInfo, hexadecimal. */
  get publicKeyDigest(): string {
    return publicKeyDigestOf(this.#certificate);
  }

  /** As OpenSSL prints it, SHA-256. */
  get fingerprint(): string {
    return fingerprintOf(this.#certificate.der);
  }

  get subject(): string {
    return subjectText(this.#certificate);
  }

  /** Name, DER. */
  get subjectName(): Uint8Array {
    return this.#certificate.subject;
  }

  get notAfter(): Date {
    return this.#certificate.notAfter;
  }

  /** The text of the field. @throws CertificateError with a sentence when it is not there, stands twice or is no text */
  field(name: FactoryField): string {
    return fieldOf(this.#certificate, name);
  }
}

export type FactoryVerdict<Anchor extends TrustAnchor = TrustAnchor> =
  | { readonly valid: true; readonly certificate: FactoryCertificate<Anchor> }
  | { readonly valid: false; readonly fault: PathFault };

/** Certificates that a device may send besides its own; the rest is not looked at. */
const mostSent = 10;

/**
 * @param der the device's certificate
 * @param sent what came with it, DER, in any order
 */
export async function validateFactoryCertificate<Anchor extends TrustAnchor>(
  der: Uint8Array,
  sent: readonly Uint8Array[],
  trust: FactoryTrust<Anchor>,
  now: Date,
): Promise<FactoryVerdict<Anchor>> {
  try {
    return await examine(readBounded(der), sent, trust, now);
  } catch (error) {
    if (!(error instanceof DerError || error instanceof CertificateError)) throw error;
    return refused(pathFault('malformed', `A certificate is malformed: ${error.message}`));
  }
}

async function examine<Anchor extends TrustAnchor>(
  device: Certificate,
  sent: readonly Uint8Array[],
  { anchors, intermediates }: FactoryTrust<Anchor>,
  now: Date,
): Promise<FactoryVerdict<Anchor>> {
  const key = readKey(device);
  if ('code' in key) return refused(key);
  const between = [...intermediates, ...sent.slice(0, mostSent).flatMap(readAny)];
  let fault: PathFault | undefined;
  for (const path of findPaths(device, between, anchors)) {
    const wrong = await validatePath(path, now);
    if (!wrong) return { valid: true, certificate: new FactoryCertificate(path) };
    fault ??= wrong;
  }
  return refused(fault ?? noAnchor(device));
}

/** One that cannot be read leads nowhere, and others may stand beside it. */
function readAny(der: Uint8Array): Certificate[] {
  try {
    return [readBounded(der)];
  } catch (error) {
    if (error instanceof CertificateError) return [];
    throw error;
  }
}

function noAnchor(device: Certificate): PathFault {
  return pathFault(
    'no-trust-anchor',
    `No path of at most ${longestPath} certificates leads from ${subjectText(device)}, issued by ${nameText(device.issuer)}, to a trust anchor of a manufacturer; the device must send its intermediate certificates, or they must be stored here.`,
  );
}

function refused(fault: PathFault): { readonly valid: false; readonly fault: PathFault } {
  return { valid: false, fault };
}
