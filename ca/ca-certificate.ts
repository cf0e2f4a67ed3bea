/**
 * Makes the certificates of the CA itself: once, when it is set up.
 */

import { type CaCertificate, readCaCertificate } from './ca-chain.ts';
import { backdateSeconds, type Profile } from './certificate-profile.ts';
import { CertificateComposer } from './compose-certificate.ts';
import { readDer } from './der.ts';
import { encodeSubject } from './distinguished-name.ts';
import { requireWellFormedCertificate } from './lint/lint-certificate.ts';
import { makeSerialNumber } from './serial-number.ts';
import { signStructure } from './sign-structure.ts';
import type { Signer } from './signer.ts';

export interface CaCertificateOrder {
  readonly profile: Profile;
  readonly commonName: string;
  /** SubjectPublicKeyInfo of the new CA's key, DER. */
  readonly publicKey: Uint8Array;
  /** Who signs: the key itself for a root, or a CA above. */
  readonly signer: Signer;
  readonly issuer?: CaCertificate;
  readonly now: Date;
}

/** @throws SignerUnavailable, SignatureFault */
export async function makeCaCertificate(order: CaCertificateOrder): Promise<CaCertificate> {
  const { profile, commonName, publicKey, signer, issuer, now } = order;
  const subject = encodeSubject({ commonName });
  const composer = new CertificateComposer(profile, {
    subject: issuer?.subject ?? subject,
    ...(issuer ? { keyIdentifier: issuer.keyIdentifier } : {}),
    algorithm: signer.algorithm,
  });
  const second = Math.floor(now.getTime() / 1000);
  const ends = new Date((second + profile.validitySeconds) * 1000);
  const bits = readDer(publicKey).children[1];
  if (!bits) throw new TypeError('The public key is not a SubjectPublicKeyInfo.');
  const toBeSigned = composer.compose(
    {
      subject,
      subjectAltNames: [],
      publicKey: { subjectPublicKeyInfo: publicKey, subjectPublicKey: bits.content.subarray(1) },
      endpoints: [],
    },
    makeSerialNumber(1),
    {
      // Room for the back-dating of the first device's certificate, which may not begin before its issuer.
      notBefore: new Date((second - 2 * backdateSeconds) * 1000),
      notAfter: issuer && issuer.notAfter < ends ? issuer.notAfter : ends,
    },
  );
  requireWellFormedCertificate(toBeSigned, issuer);
  return readCaCertificate(await signStructure(toBeSigned, signer));
}
