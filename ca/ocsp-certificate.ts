/**
 * The certificate of the key that signs OCSP answers.
 */

import type { CaCertificate } from './ca-chain.ts';
import { extensionOf } from './certificate.ts';
import {
  type DelegatedCertificate,
  type Delegation,
  readDelegatedCertificate,
} from './delegated-certificate.ts';

export type OcspCertificate = DelegatedCertificate;

const ocsp: Delegation = {
  what: 'OCSP',
  purpose: 'OCSPSigning',
  purposeName: 'id-kp-OCSPSigning',
};

/**
 * Relying parties trust an answer when the CA that issued the certificate in question signed it, or directly issued a
 * certificate with id-kp-OCSPSigning to who did (RFC 6960 section 4.2.2.2). One without id-pkix-ocsp-nocheck would make
 * them ask for its own status, here.
 * @throws Error with a sentence when the certificate is not fit for it
 */
export function readOcspCertificate(der: Uint8Array, issuing: CaCertificate): OcspCertificate {
  const certificate = readDelegatedCertificate(der, issuing, ocsp);
  if (!extensionOf(certificate, 'id-pkix-ocsp-nocheck'))
    throw new Error('The OCSP certificate does not say id-pkix-ocsp-nocheck.');
  return certificate;
}
