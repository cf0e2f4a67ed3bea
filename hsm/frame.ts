/**
 * The messages between a signer process and those who ask it: length of the body (4 bytes,
 * big-endian), number of the request (4 bytes), kind (1 byte), body.
 */

export const frameKind = {
  /** To the signer: sign the digest in the body. */
  sign: 1,
  /** To the signer: the same, before all that wait. */
  signFirst: 2,
  /** From the signer, on connection: SHA-256 of the SubjectPublicKeyInfo it signs for. */
  hello: 3,
  /** From the signer: the signature. */
  signed: 4,
  /** From the signer: why it cannot sign now, in UTF-8. */
  unavailable: 5,
  /** From the signer: why it will never sign this, in UTF-8. */
  refused: 6,
} as const;

export interface Frame {
  readonly id: number;
  readonly kind: number;
  readonly body: Buffer;
}

const headerBytes = 9;
/** A digest, a signature or a sentence; whatever is longer is not ours. */
export const maxBodyBytes = 4096;

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
  #rest: Buffer = Buffer.alloc(0);

  /** @throws RangeError when a frame is too long; the stream is then lost */
  read(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    let offset = 0;
    while (bytes.length - offset >= headerBytes) {
      const length = bytes.readUInt32BE(offset);
      if (length > maxBodyBytes) throw new RangeError(`a frame of ${length} bytes is too long`);
      const end = offset + headerBytes + length;
      if (end > bytes.length) break;
      frames.push({
        id: bytes.readUInt32BE(offset + 4),
        kind: bytes.readUInt8(offset + 8),
        body: bytes.subarray(offset + headerBytes, end),
      });
      offset = end;
    }
    this.#rest = bytes.subarray(offset);
    return frames;
  }
}
