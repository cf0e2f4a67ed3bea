/** Challenges of a request (RFC 2985 section 5.4.1, RFC 7894 section 3), in every string type they may come in. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { attribute, forgeRequest, text } from '../test/support/forged-request.ts';
import { parseCertificateRequest } from './certificate-request.ts';
import { encode, tags } from './der.ts';

describe('a challenge is read as text', () => {
  const carriers = {
    challengePassword: '1.2.840.113549.1.9.7',
    estIdentityLinking: '1.2.840.113549.1.9.16.2.58',
  } as const;
  const utf16 = Buffer.from('Grüße', 'utf16le').swap16();
  const utf32 = Buffer.from([0, 0, 0, 0x47, 0, 1, 0xf6, 0]);
  const values: Record<string, [value: Uint8Array, read: string]> = {
    PrintableString: [text(tags.printableString, '+rrCir/7+EYu50T4'), '+rrCir/7+EYu50T4'],
    UTF8String: [text(tags.utf8String, 'Grüße'), 'Grüße'],
    TeletexString: [encode(tags.teletexString, Buffer.from('Grüße', 'latin1')), 'Grüße'],
    BMPString: [encode(tags.bmpString, utf16), 'Grüße'],
    UniversalString: [encode(tags.universalString, utf32), 'G😀'],
    'the longest': [text(tags.utf8String, 'ü'.repeat(255)), 'ü'.repeat(255)],
  };
  for (const [name, oid] of Object.entries(carriers))
    for (const [what, [value, read]] of Object.entries(values))
      test(`${name} as ${what}`, async () => {
        const request = forgeRequest({ attributes: [attribute(oid, value)] });
        assert.deepEqual((await parseCertificateRequest(request)).challenges, { [name]: read });
      });

  const malformed: Record<string, Uint8Array> = {
    'an IA5String': text(tags.ia5String, 'abc'),
    'an empty string': text(tags.utf8String, ''),
    'a string of 256 characters': text(tags.utf8String, 'a'.repeat(256)),
    'half a BMP character': encode(tags.bmpString, Buffer.of(0, 65, 0)),
    'part of a UniversalString character': encode(tags.universalString, Buffer.of(0, 0, 0)),
    'a UniversalString beyond Unicode': encode(tags.universalString, Buffer.of(0, 0x11, 0, 0)),
    'a number': encode(tags.integer, Buffer.of(1)),
  };
  for (const [what, value] of Object.entries(malformed))
    test(`${what} is refused`, () => {
      const request = forgeRequest({ attributes: [attribute(carriers.challengePassword, value)] });
      return assert.rejects(parseCertificateRequest(request), {
        code: 'malformed-request',
        message: /DirectoryString of 1 to 255/,
      });
    });
});
