import { X509Certificate } from 'node:crypto';
import { readCaCertificate } from '../../ca/ca-chain.ts';

/** The subjectKeyIdentifier of a CA certificate, hexadecimal, as in the paths of the status listener. @param pem or DER */
export function keyIdentifierOf(pem: string | Buffer): string {
  return readCaCertificate(new X509Certificate(pem).raw).id;
}
