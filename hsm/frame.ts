/**
 * The messages between a signer process and those who ask it: length of the body (4 bytes,
 * big-endian), number of the request (4 bytes), kind (1 byte), body.
 */

export const frameKind = {
  /** To the signer: sign the digest in the body. */
  sign: 1,
  /** To the signer: the same, before all that wait. */
  signFirst: 2,
  /** From the signer, on connection: SHA-256 of the SubjectPublicKeyInfo of each key it lends. */
  hello: 3,
  /** From the signer: the signature. */
  signed: 4,
  /** From the signer: why it cannot sign now, in UTF-8. */
  unavailable: 5,
  /** From the signer: why it will never sign this, in UTF-8. */
  refused: 6,
  /** To the signer, once and before `sign`: the digest out of the hello of the key that is meant. */
  bind: 7,
  /** To the signer: make a key pair of the kind in the body, in ASCII. */
  generate: 8,
  /** From the signer: the key pair; see generated-key.ts. */
  generated: 9,
} as const;

export interface Frame {
  readonly id: number;
  readonly kind: number;
  readonly body: Buffer;
}

const headerBytes = 9;
/**
 * A signature, a sentence, a key pair, a digest, or with Ed25519 all that is to be signed, such as a
 * CRL of a hundred thousand entries; whatever is longer is not ours.
 */
export const maxBodyBytes = 4 * 1024 * 1024;

export function encodeFrame({ id, kind, body }: Frame): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.writeUInt32BE(id, 4);
  frame.writeUInt8(kind, 8);
  frame.set(body, headerBytes);
  return frame;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  readonly #wipes: boolean;
  #pieces: Buffer[] = [];
  #length = 0;
  /** Octets that the next frame takes, as far as they are known. */
  #needed = headerBytes;

  /**
   * @param content what frames carry; of a secret no copy is left in the pieces it came in, and the
   *   caller overwrites the bodies
   */
  constructor(content: 'plain' | 'secret' = 'plain') {
    this.#wipes = content === 'secret';
  }

  /** @throws RangeError when a frame is too long; the stream is then lost */
  read(chunk: Buffer): Frame[] {
    this.#pieces.push(chunk);
    this.#length += chunk.length;
    // Joined once, when the frame is complete: a long one comes in many pieces.
    if (this.#length < this.#needed) return [];
    const bytes = this.#join();
    const frames: Frame[] = [];
    let offset = 0;
    this.#needed = headerBytes;
    while (bytes.length - offset >= headerBytes) {
      const length = bytes.readUInt32BE(offset);
      if (length > maxBodyBytes) throw new RangeError(`a frame of ${length} bytes is too long`);
      const end = offset + headerBytes + length;
      if (end > bytes.length) {
        this.#needed = headerBytes + length;
        break;
      }
      frames.push({
        id: bytes.readUInt32BE(offset + 4),
        kind: bytes.readUInt8(offset + 8),
        body: bytes.subarray(offset + headerBytes, end),
      });
      offset = end;
    }
    const rest = bytes.subarray(offset);
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    return frames;
  }

  #join(): Buffer {
    const [only, second] = this.#pieces;
    if (only && !second) return only;
    const joined = Buffer.concat(this.#pieces);
    if (this.#wipes) for (const piece of this.#pieces) piece.fill(0);
    return joined;
  }
}
