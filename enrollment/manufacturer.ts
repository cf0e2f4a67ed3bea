/**
 * Manufacturers whose factory certificates are known here. Their trust anchors are theirs alone: they identify devices, and
 * are never those by which certificates of our own are verified.
 */

import { type Certificate, CertificateError } from '../ca/certificate.ts';
import { subjectText } from '../ca/path-validation/path-fault.ts';
import {
  publicKeyDigestOf,
  readIntermediate,
  readTrustAnchor,
} from '../ca/path-validation/trust-anchor.ts';
import type { FieldSource } from './field-source.ts';

export interface Manufacturer {
  readonly id: string;
  /** DER; each key is one manufacturer's. */
  readonly anchors: readonly Uint8Array[];
  /** DER: what its devices do not send of their chains; trusted no more than what they send. */
  readonly intermediates: readonly Uint8Array[];
  readonly serialFrom: FieldSource;
  readonly modelFrom?: FieldSource;
  /** Models that are accepted; none means any. */
  readonly models: readonly string[];
  /** Tenants whose devices it may identify; none means any. */
  readonly tenants: readonly string[];
}

const identifier = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const mostCertificates = 32;
const mostModels = 100;

/** @throws TypeError with a sentence */
export function checkManufacturer(manufacturer: Manufacturer): Manufacturer {
  const { id, anchors, intermediates, models, modelFrom } = manufacturer;
  if (!identifier.test(id))
    throw new TypeError(
      `"${id}" cannot be a manufacturer's id: use 1 to 63 lower-case letters, digits and inner hyphens.`,
    );
  if (anchors.length === 0) throw new TypeError('A manufacturer needs a trust anchor.');
  if (anchors.length > mostCertificates || intermediates.length > mostCertificates)
    throw new TypeError(
      `A manufacturer has at most ${mostCertificates} trust anchors, and as many intermediate certificates.`,
    );
  if (models.length > mostModels)
    throw new TypeError(`A manufacturer has at most ${mostModels} models.`);
  if (models.length > 0 && !modelFrom)
    throw new TypeError(
      'Models are listed, but it is not said where a certificate names its model.',
    );
  for (const der of anchors) requireCertificate(der, readTrustAnchor, 'a trust anchor');
  for (const der of intermediates) requireCertificate(der, readIntermediate, 'an intermediate');
  return manufacturer;
}

/**
 * A key of our own CA, or above it, can be no manufacturer's: what it certified would be taken for either.
 * @param own all certificates of our CA
 * @throws TypeError with a sentence
 */
export function requireApart({ anchors }: Manufacturer, own: readonly Certificate[]): void {
  const ours = new Set(own.map(publicKeyDigestOf));
  const shared = anchors.map(readTrustAnchor).find((each) => ours.has(each.publicKeyDigest));
  if (shared)
    throw new TypeError(
      `The trust anchor ${subjectText(shared.certificate)} is part of this server's own CA: give the certificate of the CA that signs factory certificates instead.`,
    );
}

function requireCertificate(der: Uint8Array, read: (der: Uint8Array) => unknown, what: string) {
  try {
    read(der);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new TypeError(`One of the certificates cannot be ${what}: ${error.message}`, {
      cause: error,
    });
  }
}
