import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  commonName,
  dns,
  forgeRequest,
  oidOf,
  requestedNames,
  text,
} from '../test/support/forged-request.ts';
import { parseCertificateRequest } from './certificate-request.ts';
import { encode } from './der.ts';

describe('names that no device certificate can carry are refused', () => {
  const bytes = (tag: number, ...octets: number[]) => encode(tag, Uint8Array.from(octets));
  const refused: Record<string, Uint8Array[]> = {
    none: [],
    '33 of them': Array.from({ length: 33 }, (_, i) => dns(`d${i}.example`)),
    '1,000 of them': Array.from({ length: 1000 }, (_, i) => dns(`d${i}.example`)),
    'an IP address of 5 octets': [bytes(0x87, 1, 2, 3, 4, 5)],
    'an IP address of 0 octets': [bytes(0x87)],
    'an address with its mask': [bytes(0x87, 10, 0, 0, 0, 255, 0, 0, 0)],
    'an empty DNS name': [dns('')],
    'a DNS name in Unicode': [encode(0x82, Buffer.from('gerät.example', 'utf8'))],
    'a DNS name with NUL': [dns('a.example\0.b.example')],
    'a DNS name of one blank': [dns(' ')],
    'a DNS name with a line feed': [dns('a.example\n')],
    'a DNS name with an empty label': [dns('a..example')],
    'a DNS label of 64 octets': [dns(`${'a'.repeat(64)}.example`)],
    'a DNS name of 254 octets': [dns(`${'a.'.repeat(126)}aa`)],
    'a wildcard within a label': [dns('a*.example')],
    'a wildcard that is not first': [dns('a.*.example')],
    'a constructed DNS name': [encode(0xa2, dns('a.example'))],
    'a URI without a scheme': [encode(0x86, Buffer.from('//a.example'))],
    'a URI with a blank': [encode(0x86, Buffer.from('urn:a b'))],
    'an address of mail without @': [encode(0x81, Buffer.from('a.example'))],
    otherName: [encode(0xa0, oidOf('1.3.6.1.4.1.311.20.2.3'), encode(0xa0, text(12, 'root')))],
    directoryName: [encode(0xa4, commonName('a'))],
    registeredID: [bytes(0x88, 0x2a)],
    'a good one and a bad one': [dns('a.example'), dns('')],
  };
  for (const [what, names] of Object.entries(refused))
    test(what, () =>
      assert.rejects(
        parseCertificateRequest(forgeRequest({ attributes: [requestedNames(...names)] })),
        { name: 'Refusal', code: 'malformed-request', message: /subjectAltName/ },
      ),
    );
});

test('32 names are read', async () => {
  const names = Array.from({ length: 32 }, (_, i) => dns(`d${i}.example`));
  const request = forgeRequest({ attributes: [requestedNames(...names)] });
  assert.equal((await parseCertificateRequest(request)).subjectAltNames.length, 32);
});
