/**
 * OCSP requests as clients write them, and with any part of them another.
 */

import { hash } from 'node:crypto';
import type { Certificate } from '../../ca/certificate.ts';
import { encode, tags } from '../../ca/der.ts';
import { encodeExtension } from '../../ca/extensions/extension.ts';
import { oid } from '../../ca/object-identifiers.ts';

export const sequence = (...parts: readonly Uint8Array[]) => encode(tags.sequence, ...parts);
export const octets = (content: Uint8Array) => encode(tags.octetString, content);

/** CertID, DER. @param serialNumber hexadecimal */
export function certificateId(
  { subject, subjectPublicKey }: Pick<Certificate, 'subject' | 'subjectPublicKey'>,
  serialNumber: string,
  name: 'sha1' | 'sha256' | 'sha384' | 'sha512' = 'sha1',
): Uint8Array {
  return sequence(
    sequence(oid[`id-${name}`], encode(tags.null)),
    octets(hash(name, subject, 'buffer')),
    octets(hash(name, subjectPublicKey, 'buffer')),
    encode(tags.integer, Buffer.from(serialNumber, 'hex')),
  );
}

/** The extension with a nonce of these octets. */
export function nonceExtension(nonce: Uint8Array, options: { critical?: boolean } = {}) {
  return encodeExtension(oid['id-pkix-ocsp-nonce'], octets(nonce), options);
}

/** OCSPRequest, DER. @param extensions each DER */
export function ocspRequest(
  ids: readonly Uint8Array[],
  extensions: readonly Uint8Array[] = [],
): Uint8Array {
  return sequence(
    sequence(
      sequence(...ids.map((id) => sequence(id))),
      ...(extensions.length > 0 ? [encode(0xa2, sequence(...extensions))] : []),
    ),
  );
}
