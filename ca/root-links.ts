/**
 * The certificates by which those who know one key of a root come to know the other (RFC 4210 section 4.4): the two keys
 * have one name, and each certifies the other.
 */

import { signCaCertificate } from './ca-certificate.ts';
import type { CaCertificate } from './ca-chain.ts';
import { rootCaProfile } from './certificate-profile.ts';
import { sameBytes } from './der.ts';
import { makeSerialNumber } from './serial-number.ts';
import type { Signer } from './signer.ts';

/** A self-signed root, and its key. */
export interface RootWithKey {
  readonly certificate: CaCertificate;
  readonly signer: Signer;
}

export interface RootLinks {
  readonly oldWithNew: CaCertificate;
  readonly newWithOld: CaCertificate;
}

/**
 * A prefix octet and 64 random bits: a link is to be shorter than the self-signed certificate over its key. DER gives the
 * certificates of /cacerts an order in which what is shorter comes first, and OpenSSL takes the first that fits; who took a
 * self-signed one that they do not trust would look no further.
 */
function makeShortSerialNumber(): string {
  return makeSerialNumber(1).slice(0, 18);
}

/**
 * Their validities are those of RFC 4210 section 4.4.1. OldWithNew is valid as long as the old root is, and so covers all
 * that the old key signed (RFC 8649 section 5), though it begins before the new root does.
 * @throws SignerUnavailable, SignatureFault; LintFindings
 */
export async function makeRootLinks(old: RootWithKey, next: RootWithKey): Promise<RootLinks> {
  const { notBefore, notAfter, subject } = old.certificate;
  if (!sameBytes(subject, next.certificate.subject))
    throw new TypeError('Both keys of a root have the same name.');
  if (next.certificate.notAfter <= notAfter)
    throw new TypeError('The new root must end after the old one, by which clients know it.');
  const oldWithNew = await signCaCertificate({
    profile: rootCaProfile,
    serialNumber: makeShortSerialNumber(),
    subject,
    publicKey: old.certificate.subjectPublicKeyInfo,
    signer: next.signer,
    issuer: { ...next.certificate, notBefore, notAfter },
    notBefore,
    notAfter,
  });
  const newWithOld = await signCaCertificate({
    profile: rootCaProfile,
    serialNumber: makeShortSerialNumber(),
    subject,
    publicKey: next.certificate.subjectPublicKeyInfo,
    signer: old.signer,
    issuer: old.certificate,
    notBefore: next.certificate.notBefore,
    notAfter,
  });
  return { oldWithNew, newWithOld };
}
