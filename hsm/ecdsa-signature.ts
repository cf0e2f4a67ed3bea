/**
 * The two encodings of an ECDSA signature: r and s side by side as CKM_ECDSA returns them
 * (PKCS#11 v2.40 mechanisms section 2.3.1), and ECDSA-Sig-Value as certificates carry it
 * (RFC 3279 section 2.2.3).
 */

const sequenceTag = 0x30;
const integerTag = 0x02;

/**
 * @param raw r and s, big-endian, of equal length; at most 132 bytes (P-521)
 * @returns DER, both INTEGERs positive and minimal
 * @throws RangeError for an odd, empty or overlong input
 */
export function ecdsaSignatureToDer(raw: Uint8Array): Buffer {
  if (raw.length === 0 || raw.length % 2 !== 0 || raw.length > 132) {
    throw new RangeError(
      `an ECDSA signature of ${raw.length} bytes is not r and s of equal length`,
    );
  }
  const half = raw.length / 2;
  const content = Buffer.concat([integer(raw.subarray(0, half)), integer(raw.subarray(half))]);
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.from([sequenceTag, ...length]), content]);
}

function integer(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const minimal = magnitude.subarray(start);
  // A set top bit would make it negative.
  const sign = ((minimal[0] ?? 0) & 0x80) === 0 ? [] : [0];
  return Buffer.from([integerTag, sign.length + minimal.length, ...sign, ...minimal]);
}

/**
 * @param der ECDSA-Sig-Value
 * @param size bytes of r and of s in the result, such as 32 for P-256
 * @throws RangeError for anything but strict DER of two INTEGERs that fit
 */
export function ecdsaSignatureFromDer(der: Uint8Array, size: number): Buffer {
  const raw = Buffer.alloc(2 * size);
  const header = der[1] === 0x81 ? 3 : 2;
  let offset = header;
  for (const end of [size, 2 * size]) {
    const length = der[offset + 1] ?? 0;
    const value = der.subarray(offset + 2, offset + 2 + length);
    const minimal = value[0] === 0 ? value.subarray(1) : value;
    if (minimal.length > size) throw new RangeError('an INTEGER of the signature is too long');
    raw.set(minimal, end - minimal.length);
    offset += 2 + length;
  }
  // One encoding only: whatever encodes back differently was not DER.
  if (!ecdsaSignatureToDer(raw).equals(der)) throw new RangeError('the signature is not DER');
  return raw;
}
