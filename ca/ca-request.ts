/**
 * The request of an issuing CA to the CA above it: PKCS #10 (RFC 2986), signed by the new CA's own key.
 */

import { keyIdentifierOf } from './certificate.ts';
import { issuingCaProfile } from './certificate-profile.ts';
import { encode, readDer, tags } from './der.ts';
import { caConstraints } from './extensions/basic-constraints.ts';
import { subjectKeyIdentifier } from './extensions/key-identifiers.ts';
import { keyUsage } from './extensions/key-usage.ts';
import { oid } from './object-identifiers.ts';
import { signStructure } from './sign-structure.ts';
import type { Signer } from './signer.ts';

const version1 = encode(tags.integer, Uint8Array.of(0));

/**
 * @param subject Name, DER
 * @returns CertificationRequest, DER
 * @throws SignerUnavailable, SignatureFault
 */
export function makeCaRequest(subject: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const { publicKey } = signer;
  const extensions = encode(
    tags.sequence,
    caConstraints(issuingCaProfile.ca?.pathLength),
    keyUsage(issuingCaProfile.keyUsage),
    subjectKeyIdentifier(keyIdentifierOf(subjectPublicKeyIn(publicKey))),
  );
  // RFC 2985 section 5.4.2.
  const extensionRequest = encode(
    tags.sequence,
    oid.extensionRequest,
    encode(tags.set, extensions),
  );
  const toBeSigned = encode(
    tags.sequence,
    version1,
    subject,
    publicKey,
    encode(0xa0, extensionRequest),
  );
  return signStructure(toBeSigned, signer);
}

/** The subject of such a request: Name, DER. */
export function subjectOfRequest(request: Uint8Array): Uint8Array {
  const subject = readDer(request).children[0]?.children[1];
  if (!subject) throw new TypeError('This is not a PKCS #10 request.');
  return subject.bytes;
}

function subjectPublicKeyIn(subjectPublicKeyInfo: Uint8Array): Uint8Array {
  const bits = readDer(subjectPublicKeyInfo).children[1];
  if (!bits) throw new TypeError('The public key is not a SubjectPublicKeyInfo.');
  return bits.content.subarray(1);
}
