import { randomBytes } from 'node:crypto';

/**
 * A serial number (RFC 5280 section 4.1.2.2): one prefix octet, which several nodes can share out among them, and
 * 136 random bits. Positive and 18 octets long. Hexadecimal, lower case.
 * @param prefix 1 to 127
 */
export function makeSerialNumber(prefix: number): string {
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 127)
    throw new RangeError('The serial number prefix must be a whole number from 1 to 127.');
  return Buffer.concat([Uint8Array.of(prefix), randomBytes(17)]).toString('hex');
}
