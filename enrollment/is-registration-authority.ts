import { type Certificate, extensionOf } from '../ca/certificate.ts';
import { readDer, sameBytes } from '../ca/der.ts';
import { oid } from '../ca/object-identifiers.ts';
import type { Caller } from './authenticator.ts';

/** One is known by two things: its role in the registry, and a certificate of this CA with id-kp-cmcRA (RFC 6402 section 2.10). */
export function isRegistrationAuthority({ device, certificate }: Caller): boolean {
  return (
    device.role === 'registration-authority' &&
    certificate !== undefined &&
    hasRaPurpose(certificate)
  );
}

function hasRaPurpose(certificate: Certificate): boolean {
  const purposes = extensionOf(certificate, 'extKeyUsage');
  return (
    purposes !== undefined &&
    readDer(purposes.value).children.some(({ bytes }) => sameBytes(bytes, oid.cmcRA))
  );
}
