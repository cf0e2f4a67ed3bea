/**
 * The server's own TLS key and certificate, as the listener shows them.
 */

import { readFileSync } from 'node:fs';
import { readCertificate } from '../ca/certificate.ts';
import { type CertificationAuthority, issuingKeyOf } from '../ca/certification-authority.ts';
import { dataPaths, readPem, toPem } from './data-directory.ts';

export interface TlsIdentity {
  /** PEM, without the root. */
  readonly certificateChain: Buffer;
  /** PEM. */
  readonly privateKey: Buffer;
}

/**
 * A certificate of our own comes with what clients need to verify it by the root they know, which during a rollover is
 * the old one or the new one (RFC 4210 section 4.4). The chain of another CA is left as its owner wrote it.
 */
export function readTlsIdentity(directory: string, ca: CertificationAuthority): TlsIdentity {
  const { serverKey, serverChain } = dataPaths(directory);
  const privateKey = readFileSync(serverKey);
  const der = readPem(serverChain);
  const chain = issuingKeyOf(ca, readCertificate(der))?.chain;
  if (!chain) return { certificateChain: readFileSync(serverChain), privateKey };
  const links = ca.links.filter(({ id }) => id === chain.root.id);
  const certificates = [
    der,
    ...[chain.issuing, ...chain.intermediates, ...links].map((each) => each.der),
  ];
  return {
    certificateChain: Buffer.from(certificates.map((each) => toPem(each)).join('')),
    privateKey,
  };
}
