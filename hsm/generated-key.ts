/**
 * A key pair on its way from the token to the process that asked for it. Whoever holds the private
 * key last overwrites it.
 */

/** As enrollment/key-generator.ts describes it. */
export interface GeneratedKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly subjectPublicKeyInfo: Buffer;
  /** OneAsymmetricKey in version v1 (RFC 5958 section 2), DER. */
  readonly privateKeyInfo: Buffer;
}

/** The body of a `generated` frame: length of the public half (2 bytes), public half, private key. */
export function encodeGeneratedKey(key: GeneratedKey): Buffer {
  const { subjectPublicKeyInfo, privateKeyInfo } = key;
  const body = Buffer.alloc(2 + subjectPublicKeyInfo.length + privateKeyInfo.length);
  body.writeUInt16BE(subjectPublicKeyInfo.length, 0);
  body.set(subjectPublicKeyInfo, 2);
  body.set(privateKeyInfo, 2 + subjectPublicKeyInfo.length);
  return body;
}

/** Copies both halves out of the body. @throws RangeError when they are not there */
export function decodeGeneratedKey(body: Buffer): GeneratedKey {
  const start = body.length < 2 ? body.length : 2 + body.readUInt16BE(0);
  if (start >= body.length) throw new RangeError('a generated key is cut short');
  return {
    subjectPublicKeyInfo: Buffer.from(body.subarray(2, start)),
    privateKeyInfo: copy(body.subarray(start)),
  };
}

/** Not from the buffer pool, which every small Buffer of the process is cut from. */
function copy(secret: Buffer): Buffer {
  const own = Buffer.alloc(secret.length);
  own.set(secret);
  return own;
}
