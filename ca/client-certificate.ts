/**
 * Whether a TLS client certificate is one of ours and good at this moment (RFC 5280 section 6, cut down to what can
 * occur: a registered issuing CA signed the end-entity certificate directly, so there is no path to build).
 * The TLS stack's own verdict is not used: it survives in resumed sessions after the certificate has ended.
 */

import { hash, X509Certificate } from 'node:crypto';
import type { CaCertificate } from './ca-chain.ts';
import { type Certificate, CertificateError, extensionOf, readCertificate } from './certificate.ts';
import { DerError, readDer, sameBytes, tags } from './der.ts';
import { octetsKey, oid } from './object-identifiers.ts';

export type ClientCertificateVerdict =
  | { readonly valid: true; readonly certificate: Certificate; readonly issuer: CaCertificate }
  | { readonly valid: false; readonly reason: string };

/** Critical extensions that are processed below; any other makes the certificate unusable (RFC 5280 section 4.2). */
const processed = new Set(
  [oid.keyUsage, oid.basicConstraints, oid.extKeyUsage, oid.subjectAltName].map(octetsKey),
);
const rememberedSignatures = 10_000;

export class ClientCertificateValidator {
  readonly #issuers: { readonly certificates: readonly CaCertificate[] };
  /** Digests of certificates whose signature was verified: a signature, unlike time and status, stays good. */
  readonly #verified = new Set<string>();

  /** @param issuers whose list may change */
  constructor(issuers: { readonly certificates: readonly CaCertificate[] }) {
    this.#issuers = issuers;
  }

  validate(der: Uint8Array, now: Date): ClientCertificateVerdict {
    try {
      return this.#examine(readCertificate(der), now);
    } catch (error) {
      if (!(error instanceof DerError || error instanceof CertificateError)) throw error;
      return refused(`it is malformed (${error.message})`);
    }
  }

  /** Whether it is well-formed and names another issuer: then it is none of ours, whoever may know it. */
  isForeign(der: Uint8Array): boolean {
    try {
      return this.#issuerOf(readCertificate(der)) === undefined;
    } catch (error) {
      if (!(error instanceof DerError || error instanceof CertificateError)) throw error;
      return false;
    }
  }

  #examine(certificate: Certificate, now: Date): ClientCertificateVerdict {
    const issuer = this.#issuerOf(certificate);
    if (!issuer) return refused('it was not issued by this CA');
    if (!this.#isSignedBy(certificate, issuer)) return refused('its signature is wrong');
    if (now < certificate.notBefore) return refused('it is not yet valid');
    if (now > certificate.notAfter) return refused('it has expired');
    const reason = unfitReason(certificate);
    return reason ? refused(reason) : { valid: true, certificate, issuer };
  }

  #issuerOf(certificate: Certificate): CaCertificate | undefined {
    const authority = extensionOf(certificate, 'authorityKeyIdentifier');
    const keyIdentifier = authority && readDer(authority.value).children[0]?.content;
    return this.#issuers.certificates.find(
      (issuer) =>
        keyIdentifier !== undefined &&
        sameBytes(issuer.keyIdentifier, keyIdentifier) &&
        sameBytes(issuer.subject, certificate.issuer),
    );
  }

  #isSignedBy(certificate: Certificate, issuer: CaCertificate): boolean {
    const digest = hash('sha256', certificate.der, 'base64');
    if (this.#verified.has(digest)) return true;
    if (!readByOpenSsl(certificate.der).verify(issuer.x509.publicKey)) return false;
    if (this.#verified.size >= rememberedSignatures) this.#verified.clear();
    this.#verified.add(digest);
    return true;
  }
}

/** @throws CertificateError: what is DER and still no certificate is the peer's affair, not a fault of ours */
function readByOpenSsl(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new CertificateError('OpenSSL cannot read it', { cause });
  }
}

function refused(reason: string): ClientCertificateVerdict {
  return { valid: false, reason };
}

/** Why a well-signed certificate of ours still cannot authenticate a client. */
function unfitReason(certificate: Certificate): string | undefined {
  for (const [type, { critical }] of certificate.extensions)
    if (critical && !processed.has(type)) return 'it has an unknown critical extension';
  const constraints = extensionOf(certificate, 'basicConstraints');
  if (constraints && readDer(constraints.value).children.length > 0)
    return 'it is a CA certificate';
  const usage = extensionOf(certificate, 'keyUsage');
  if (usage && ((readDer(usage.value).content[1] ?? 0) & 0x80) === 0)
    return 'its keyUsage does not allow digitalSignature';
  const purposes = extensionOf(certificate, 'extKeyUsage');
  if (purposes && !includesClientAuth(purposes.value))
    return 'its extendedKeyUsage does not allow clientAuth';
  return undefined;
}

function includesClientAuth(value: Uint8Array): boolean {
  return readDer(value).children.some(
    ({ tag, bytes }) => tag === tags.oid && sameBytes(bytes, oid.clientAuth),
  );
}
