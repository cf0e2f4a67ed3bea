/**
 * Verifies the signature on a certificate by its issuer's key, where the algorithm is strong enough: SHA-1 and MD5 are not.
 */

import type { Certificate } from '../certificate.ts';
import { type SignatureScheme, schemeVerifies } from '../cms/signature-scheme.ts';
import { type DerElement, readDer, tags } from '../der.ts';
import type { PublicKey } from '../key-rules.ts';
import { type ObjectIdentifier, oidName } from '../object-identifiers.ts';
import { malformed, Refusal } from '../refusal.ts';
import { readPssParameters } from '../rsassa-pss.ts';

const hashed = (kind: 'RSA' | 'EC', digest: SignatureScheme['digest']): SignatureScheme => ({
  kind,
  digest,
  ownHash: false,
});
const ownHash = (kind: SignatureScheme['kind']): SignatureScheme => ({
  kind,
  digest: 'sha512',
  ownHash: true,
});

const schemes: Partial<Record<ObjectIdentifier, SignatureScheme>> = {
  sha256WithRSAEncryption: hashed('RSA', 'sha256'),
  sha384WithRSAEncryption: hashed('RSA', 'sha384'),
  sha512WithRSAEncryption: hashed('RSA', 'sha512'),
  'ecdsa-with-SHA256': hashed('EC', 'sha256'),
  'ecdsa-with-SHA384': hashed('EC', 'sha384'),
  'ecdsa-with-SHA512': hashed('EC', 'sha512'),
  ed25519: ownHash('Ed25519'),
  ed448: ownHash('Ed448'),
  'id-ml-dsa-44': ownHash('ML-DSA-44'),
  'id-ml-dsa-65': ownHash('ML-DSA-65'),
  'id-ml-dsa-87': ownHash('ML-DSA-87'),
};

/** How the certificate is signed, or undefined where that is not accepted. */
export function signatureSchemeOf({ der }: Certificate): SignatureScheme | undefined {
  const algorithm = readDer(der).children[1];
  const [type, parameters, surplus] = algorithm?.children ?? [];
  const name = type && oidName(type.bytes);
  if (!name || surplus) return undefined;
  if (name === 'id-RSASSA-PSS') return pssScheme(parameters);
  const scheme = schemes[name];
  // RFC 4055 section 5: absent is to be read as NULL for RSA; the others have no parameters at all.
  if (parameters && !(scheme?.kind === 'RSA' && parameters.tag === tags.null)) return undefined;
  return scheme;
}

function pssScheme(parameters: DerElement | undefined): SignatureScheme | undefined {
  try {
    const { hash, saltLength } = readPssParameters(parameters, malformed);
    return { kind: 'RSA', digest: hash, ownHash: false, saltLength };
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

export async function isSignedBy(
  certificate: Certificate,
  scheme: SignatureScheme,
  issuerKey: PublicKey,
): Promise<boolean> {
  const signature = readDer(certificate.der).children[2];
  if (signature?.content[0] !== 0) return false;
  return schemeVerifies(scheme, issuerKey, certificate.toBeSigned, signature.content.subarray(1));
}
