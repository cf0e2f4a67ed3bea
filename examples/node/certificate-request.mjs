// @ts-check
/** PKCS#10 (RFC 2986): the request for a certificate, signed with the device's own key. */

import { createPublicKey, sign } from 'node:crypto';
import { encode, encodeOid, tags } from './der.mjs';

const printable = tags.printableString;
const attributeTypes = new Map([
  ['CN', { oid: '2.5.4.3', tag: tags.utf8String }],
  ['serialNumber', { oid: '2.5.4.5', tag: printable }],
  ['C', { oid: '2.5.4.6', tag: printable }],
  ['L', { oid: '2.5.4.7', tag: tags.utf8String }],
  ['ST', { oid: '2.5.4.8', tag: tags.utf8String }],
  ['O', { oid: '2.5.4.10', tag: tags.utf8String }],
  ['OU', { oid: '2.5.4.11', tag: tags.utf8String }],
  ['dnQualifier', { oid: '2.5.4.46', tag: printable }],
]);

/**
 * A Name (DER).
 * @param {string} text such as `/O=Acme/CN=pump-17`; an empty one leaves it to the server to say who the device is
 */
export function encodeSubject(text) {
  const parts = text.split('/').filter((part) => part !== '');
  return encode(
    tags.sequence,
    ...parts.map((part) => {
      const equals = part.indexOf('=');
      const type = attributeTypes.get(part.slice(0, equals));
      if (!type) throw new Error(`"${part}" is no part of a subject such as /O=Acme/CN=pump-17.`);
      const value = encode(type.tag, Buffer.from(part.slice(equals + 1)));
      return encode(tags.set, encode(tags.sequence, encodeOid(type.oid), value));
    }),
  );
}

/**
 * @param {import('node:crypto').KeyObject} key a private key on P-256
 * @param {Uint8Array} subject Name, DER
 * @param {readonly Uint8Array[]} extensions those that are asked for, DER
 */
export function makeRequest(key, subject, extensions = []) {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const asked = encode(tags.set, encode(tags.sequence, ...extensions));
  const extensionRequest = encode(tags.sequence, encodeOid('1.2.840.113549.1.9.14'), asked);
  const info = encode(
    tags.sequence,
    Buffer.of(0x02, 0x01, 0x00),
    subject,
    publicKey,
    encode(0xa0, ...(extensions.length > 0 ? [extensionRequest] : [])),
  );
  const ecdsaWithSha256 = encode(tags.sequence, encodeOid('1.2.840.10045.4.3.2'));
  const signature = encode(tags.bitString, Buffer.of(0), sign('sha256', info, key));
  return encode(tags.sequence, info, ecdsaWithSha256, signature);
}
