/**
 * Nonces of Digest (RFC 7616 section 3.3): a time and random octets, signed, so that any worker knows its own from any
 * other's without keeping them. How often each is used is kept by enrollment/digest-nonces.ts.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../../enrollment/sealed-secret.ts';

const timeLength = 6;
const randomLength = 12;
const signatureLength = 18;
const syntax = /^[A-Za-z0-9_-]{48}$/;

/** Milliseconds: enough for a slow device to sign its request anew. */
export const nonceLifetime = 5 * 60_000;
/** Milliseconds that the clocks of two nodes may differ. */
const clockDifference = 60_000;

export class NonceMint {
  readonly #key: Uint8Array;

  constructor(pepper: Uint8Array) {
    this.#key = deriveKey(pepper, 'digest nonce');
  }

  /** 48 characters of base64url; libest keeps 63 at most. */
  make(at: Date): string {
    const time = Buffer.alloc(timeLength);
    time.writeUIntBE(at.getTime(), 0, timeLength);
    const body = Buffer.concat([time, randomBytes(randomLength)]);
    return Buffer.concat([body, this.#sign(body)]).toString('base64url');
  }

  /** @returns when the nonce expires; undefined when it is not of ours, or no longer or not yet to be accepted */
  expiryOf(nonce: string, at: Date): Date | undefined {
    if (!syntax.test(nonce)) return undefined;
    const octets = Buffer.from(nonce, 'base64url');
    const body = octets.subarray(0, timeLength + randomLength);
    if (!timingSafeEqual(octets.subarray(body.length), this.#sign(body))) return undefined;
    const age = at.getTime() - body.readUIntBE(0, timeLength);
    if (age < -clockDifference || age >= nonceLifetime) return undefined;
    return new Date(at.getTime() - age + nonceLifetime);
  }

  #sign(body: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, signatureLength);
  }
}
