/**
 * The certificate of the key that signs CMC answers and packages of generated keys.
 */

import type { CaCertificate } from './ca-chain.ts';
import {
  type DelegatedCertificate,
  type Delegation,
  readDelegatedCertificate,
} from './delegated-certificate.ts';

export type CmcCertificate = DelegatedCertificate;

const cmc: Delegation = { what: 'CMC', purpose: 'cmcCA', purposeName: 'id-kp-cmcCA' };

/**
 * Clients trust a CMC answer when the CA signed it itself, or said of another key that it may (RFC 6402 section 2.10).
 * @throws Error with a sentence when the certificate does not say so
 */
export function readCmcCertificate(der: Uint8Array, issuing: CaCertificate): CmcCertificate {
  return readDelegatedCertificate(der, issuing, cmc);
}
