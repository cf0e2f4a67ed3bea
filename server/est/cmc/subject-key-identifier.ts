import type { CertificateRequest } from '../../../ca/certificate-request.ts';
import { DerError, readDer, tags } from '../../../ca/der.ts';
import { malformed } from '../../../ca/refusal.ts';

/** The subjectKeyIdentifier that a request asks for, where it does. @throws Refusal malformed-request */
export function keyIdentifierIn({ extensions }: CertificateRequest): Uint8Array | undefined {
  const value = extensions.get('subjectKeyIdentifier');
  if (!value) return undefined;
  try {
    const { tag, content } = readDer(value);
    if (tag === tags.octetString) return content;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  throw malformed('The subjectKeyIdentifier of a request is malformed (RFC 5280 section 4.2.1.2).');
}
