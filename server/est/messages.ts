/**
 * Bodies of RFC 7030 as RFC 8951 corrects them: base64 of DER, in and out.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { encode, encodeOid, tags } from '../../ca/der.ts';
import { refuse } from './refusals.ts';

const whiteSpace = /[\t\n\r ]+/g;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const armour = /^\s*-----BEGIN/;

/**
 * Reads a base64 body with any white space in it (RFC 8951 section 3.1); whatever Content-Transfer-Encoding says is
 * ignored. Bits that the padding leaves over must be zero, so that one request has one form (RFC 4648 section 3.5).
 * @throws Refusal not-base64
 */
export function decodeBody(body: Buffer): Buffer {
  const text = body.toString('latin1');
  if (armour.test(text))
    throw refuse(
      'not-base64',
      'The body is PEM; send the base64 without the BEGIN and END lines (RFC 8951 section 3).',
    );
  const digits = text.replace(whiteSpace, '');
  if (digits === '')
    throw refuse('not-base64', 'The body is empty; a base64 encoded request was expected.');
  if (!base64.test(digits))
    throw refuse(
      'not-base64',
      'The body is not base64 (RFC 4648 section 4); was a DER or base64url body sent?',
    );
  const decoded = Buffer.from(digits, 'base64');
  if (decoded.toString('base64') !== digits)
    throw refuse('not-base64', 'The body is not canonical base64 (RFC 4648 section 3.5).');
  return decoded;
}

const oneLineLimit = 1023;
const lineLength = 64;

/**
 * Writes base64 so that every known client can read it: OpenSSL's BIO (libest) takes wrapped lines, or one line of at
 * most 1023 characters; strongSwan up to 5.9.10 takes one line only, and shows itself by the headers it lacks.
 */
export function encodeBody(der: Uint8Array, headers: IncomingHttpHeaders): Buffer {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const needsOneLine =
    headers['user-agent'] === undefined &&
    headers.accept === undefined &&
    headers.connection === undefined;
  if (text.length <= oneLineLimit || needsOneLine) return Buffer.from(`${text}\n`, 'latin1');
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += lineLength) lines.push(text.slice(at, at + lineLength));
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

const signedData = encodeOid('1.2.840.113549.1.7.2');
const data = encodeOid('1.2.840.113549.1.7.1');
const version1 = encode(tags.integer, Uint8Array.of(1));
const emptySet = encode(tags.set);

/**
 * A certs-only Simple PKI Response: SignedData without content or signers (RFC 5272 section 4.1, RFC 5652 section 5.1).
 * @param certificates DER; written in the order that DER gives a SET
 */
export function certsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  return degenerate(encode(0xa0, ...[...certificates].sort(Buffer.compare)));
}

/** The same with CRLs in place of the certificates (RFC 8295 section 4.2). @param crls DER */
export function crlsOnly(crls: readonly Uint8Array[]): Uint8Array {
  return degenerate(encode(0xa1, ...[...crls].sort(Buffer.compare)));
}

function degenerate(list: Uint8Array): Uint8Array {
  const content = encode(
    tags.sequence,
    version1,
    emptySet,
    encode(tags.sequence, data),
    list,
    emptySet,
  );
  return encode(tags.sequence, signedData, encode(0xa0, content));
}
