/**
 * The public key of a token object as SubjectPublicKeyInfo.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { type Cryptoki, ck, type Handle } from './cryptoki.ts';
import { TokenFault } from './token-fault.ts';

/** Curves by the DER of their OID, as CKA_EC_PARAMS carries it (PKCS#11 v2.40 mechanisms 2.3.3). */
export const ecCurves = {
  'P-256': { parameters: Buffer.from('06082a8648ce3d030107', 'hex'), coordinate: 32 },
  'P-384': { parameters: Buffer.from('06052b81040022', 'hex'), coordinate: 48 },
  'P-521': { parameters: Buffer.from('06052b81040023', 'hex'), coordinate: 66 },
} as const;

/** Ed25519 as CKA_EC_PARAMS carries it: the OID, or the name of the curve (PKCS#11 v3.0 mechanisms 2.3.10). */
export const ed25519Parameters = [
  Buffer.from('06032b6570', 'hex'),
  Buffer.from('130c656477617264733235353139', 'hex'),
] as const;
const ed25519KeyBytes = 32;

/**
 * Reads a public key object, as SubjectPublicKeyInfo DER (RFC 5280 section 4.1.2.7).
 * @throws TokenFault `key` for a kind of key we do not sign with
 */
export function readPublicKey(cryptoki: Cryptoki, session: Handle, object: Handle): Buffer {
  const [keyType] = cryptoki.attributes(session, object, [ck.CKA_KEY_TYPE]);
  const type = keyType?.readUInt8(0);
  if (type === ck.CKK_EC || type === ck.CKK_EC_EDWARDS)
    return readEcPublicKey(cryptoki, session, object);
  if (type === ck.CKK_RSA) return readRsaPublicKey(cryptoki, session, object);
  throw new TokenFault('key', 'the key is neither an EC nor an RSA key');
}

function readEcPublicKey(cryptoki: Cryptoki, session: Handle, object: Handle): Buffer {
  const types = [ck.CKA_EC_PARAMS, ck.CKA_EC_POINT];
  const [parameters, point] = cryptoki.attributes(session, object, types);
  if (parameters && ed25519Parameters.some((known) => known.equals(parameters)))
    return readEd25519PublicKey(point);
  for (const [crv, curve] of Object.entries(ecCurves)) {
    if (parameters === undefined || !curve.parameters.equals(parameters)) continue;
    const length = 1 + 2 * curve.coordinate;
    // The standard wraps the point in an OCTET STRING; some tokens leave the wrapping out.
    const bare = point?.subarray(-length);
    if (bare?.length !== length || bare[0] !== 0x04) break;
    const x = bare.subarray(1, 1 + curve.coordinate).toString('base64url');
    const y = bare.subarray(1 + curve.coordinate).toString('base64url');
    return toSpki(createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' }));
  }
  throw new TokenFault(
    'key',
    'the EC key is on another curve than P-256, P-384, P-521 and Ed25519, or its point cannot be read',
  );
}

/** Bare, or in an OCTET STRING or BIT STRING: editions of the standard and tokens differ. */
function readEd25519PublicKey(point: Buffer | undefined): Buffer {
  const wrapping = ['', '0420', '032100'];
  if (!point || !wrapping.includes(point.subarray(0, -ed25519KeyBytes).toString('hex')))
    throw new TokenFault('key', 'the point of the Ed25519 key cannot be read');
  const x = point.subarray(-ed25519KeyBytes).toString('base64url');
  return toSpki(createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }));
}

function readRsaPublicKey(cryptoki: Cryptoki, session: Handle, object: Handle): Buffer {
  const types = [ck.CKA_MODULUS, ck.CKA_PUBLIC_EXPONENT];
  const [modulus, exponent] = cryptoki.attributes(session, object, types);
  if (modulus === undefined || exponent === undefined) {
    throw new TokenFault('key', 'modulus or exponent of the RSA key cannot be read');
  }
  const n = modulus.toString('base64url');
  const e = exponent.toString('base64url');
  return toSpki(createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' }));
}

const toSpki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** A key from SubjectPublicKeyInfo DER. */
export function fromSpki(spki: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' });
}

/**
 * CKA_ID of a key: the leftmost 160 bits of SHA-256 over the subjectPublicKey BIT STRING
 * (RFC 7093 section 2, method 1), which is also a fit subject key identifier.
 */
export function keyIdentifier(spki: Uint8Array): Buffer {
  return createHash('sha256')
    .update(subjectPublicKey(fromSpki(spki)))
    .digest()
    .subarray(0, 20);
}

function subjectPublicKey(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'der' });
  const { x, y } = key.export({ format: 'jwk' });
  if (key.asymmetricKeyType === 'ed25519') return Buffer.from(x ?? '', 'base64url');
  const coordinates = [x, y].map((part) => Buffer.from(part ?? '', 'base64url'));
  return Buffer.concat([Buffer.of(0x04), ...coordinates]);
}
