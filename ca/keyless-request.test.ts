/** Requests for keys that are still to be made: read like any other, but for key and signature (RFC 7030 section 4.4.1). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeKey } from '../test/support/est-client.ts';
import {
  algorithm,
  attribute,
  dns,
  forgeRequest,
  nullValue,
  type RequestParts,
  requestedNames,
  sequence,
  text,
} from '../test/support/forged-request.ts';
import { readVector } from '../test/support/vectors.ts';
import { digestOf, parseCertificateRequest, parseKeylessRequest } from './certificate-request.ts';
import { encode, tags } from './der.ts';
import { dotted } from './object-identifiers.ts';

describe('key and signature are not judged', () => {
  const unjudged: Record<string, Uint8Array> = {
    'a signature of zeros': forgeRequest({ sign: () => new Uint8Array(64) }),
    'an empty signature': forgeRequest({ sign: () => new Uint8Array() }),
    'a signature algorithm that nobody knows': forgeRequest({
      signatureAlgorithm: algorithm('1.2.3.4'),
    }),
    'an RSA key of 1024 bits': makeKey('RSA-1024').request('/CN=device-1'),
    'a key on a curve that is not accepted': makeKey('P-192').request('/CN=device-1'),
    'a key that is none': forgeRequest({ publicKey: sequence() }),
  };
  for (const [what, der] of Object.entries(unjudged))
    test(what, async () => {
      // As a request for a certificate over its own key it is refused, so there was something to judge.
      await assert.rejects(parseCertificateRequest(der), { name: 'Refusal' });
      assert.deepEqual(parseKeylessRequest(der).subjectAttributes, [
        { type: 'commonName', text: 'device-1' },
      ]);
    });
});

test('names, challenges and the key’s identity are read as from any other', async () => {
  const attributes = [
    requestedNames(dns('a.example')),
    attribute(dotted.otpChallenge, text(tags.utf8String, 'secret')),
  ];
  const der = forgeRequest({ attributes });
  const { publicKey, signatureAlgorithm, ...content } = await parseCertificateRequest(der);
  assert.deepEqual(parseKeylessRequest(der), content);
  assert.equal(content.publicKeyDigest, digestOf(publicKey.subjectPublicKeyInfo));
  assert.ok(signatureAlgorithm);
});

test('the example that carries otpChallenge (test/vectors/README.md)', () => {
  const { challenges, subjectAttributes } = parseKeylessRequest(
    readVector('rfc7894-otpChallenge.b64'),
  );
  assert.deepEqual(challenges, { otpChallenge: '90503846' });
  assert.equal(subjectAttributes.find(({ type }) => type === 'commonName')?.text, '4TS2V2NLXA6Z');
});

describe('everything else is judged', () => {
  const refused: Record<string, RequestParts> = {
    'another version': { version: encode(tags.integer, Uint8Array.of(1)) },
    'a subject that is none': { subject: nullValue },
    'an attribute twice': {
      attributes: [requestedNames(dns('a.example')), requestedNames(dns('a.example'))],
    },
    'a name of no known form': { attributes: [requestedNames(encode(0xa4))] },
    'an otpChallenge that is no string': {
      attributes: [attribute(dotted.otpChallenge, nullValue)],
    },
  };
  for (const [what, parts] of Object.entries(refused))
    test(what, () => {
      assert.throws(() => parseKeylessRequest(forgeRequest(parts)), {
        name: 'Refusal',
        code: 'malformed-request',
      });
    });

  test('an octet after the end', () => {
    const der = Buffer.concat([forgeRequest(), Uint8Array.of(0)]);
    assert.throws(() => parseKeylessRequest(der), { code: 'malformed-request' });
  });
});
