/**
 * Makes the certificates of the CA itself: when it is set up, and when it gets another key.
 */

import { type CaCertificate, readCaCertificate } from './ca-chain.ts';
import { keyIdentifierOf } from './certificate.ts';
import { backdateSeconds, type Profile } from './certificate-profile.ts';
import { CertificateComposer } from './compose-certificate.ts';
import { readDer } from './der.ts';
import { encodeSubject } from './distinguished-name.ts';
import { type LintIssuer, requireWellFormedCertificate } from './lint/lint-certificate.ts';
import { makeSerialNumber } from './serial-number.ts';
import { signStructure } from './sign-structure.ts';
import type { Signer } from './signer.ts';
import type { Validity } from './validity.ts';

export type CaCertificateOrder = CaSubject & {
  readonly profile: Profile;
  /** SubjectPublicKeyInfo of the new CA's key, DER. */
  readonly publicKey: Uint8Array;
  /** Who signs: the key itself for a root, or a CA above. */
  readonly signer: Signer;
  readonly issuer?: CaCertificate;
  readonly now: Date;
  /** It must end after this, whatever the profile says. */
  readonly endsAfter?: Date;
};

/** The new CA's name: a common name alone, or a Name, DER. */
type CaSubject = { readonly commonName: string } | { readonly subject: Uint8Array };

/** @throws SignerUnavailable, SignatureFault */
export async function makeCaCertificate(order: CaCertificateOrder): Promise<CaCertificate> {
  const { profile, publicKey, signer, issuer, now, endsAfter } = order;
  const subject = 'subject' in order ? order.subject : encodeSubject(order);
  const second = Math.floor(now.getTime() / 1000);
  const ends = new Date(
    Math.max((second + profile.validitySeconds) * 1000, endsAfter ? endsAfter.getTime() + 1000 : 0),
  );
  return signCaCertificate({
    profile,
    subject,
    publicKey,
    signer,
    ...(issuer ? { issuer } : {}),
    // Room for the back-dating of the first device's certificate, which may not begin before its issuer.
    notBefore: new Date((second - 2 * backdateSeconds) * 1000),
    notAfter: issuer && issuer.notAfter < ends ? issuer.notAfter : ends,
  });
}

export interface CaCertificateContent extends Validity {
  readonly profile: Profile;
  /** Name, DER. */
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly signer: Signer;
  /** Absent where the key signs itself. */
  readonly issuer?: LintIssuer;
  /** Hexadecimal; a random one unless it is given. */
  readonly serialNumber?: string;
}

/** @throws SignerUnavailable, SignatureFault; LintFindings: nothing was signed then */
export async function signCaCertificate(content: CaCertificateContent): Promise<CaCertificate> {
  const { profile, subject, publicKey, signer, issuer, notBefore, notAfter } = content;
  const bits = readDer(publicKey).children[1];
  if (!bits) throw new TypeError('The public key is not a SubjectPublicKeyInfo.');
  const composer = new CertificateComposer(profile, {
    subject: issuer?.subject ?? subject,
    keyIdentifier: issuer?.keyIdentifier ?? keyIdentifierOf(bits.content.subarray(1)),
    algorithm: signer.algorithm,
  });
  const toBeSigned = composer.compose(
    {
      subject,
      subjectAltNames: [],
      publicKey: { subjectPublicKeyInfo: publicKey, subjectPublicKey: bits.content.subarray(1) },
      endpoints: [],
    },
    content.serialNumber ?? makeSerialNumber(1),
    { notBefore, notAfter },
  );
  requireWellFormedCertificate(toBeSigned, issuer);
  return readCaCertificate(await signStructure(toBeSigned, signer));
}
