import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  certificateRequest,
  ecKey,
  ed25519Key,
  rsaKey,
  withBrokenSignature,
  withIndefiniteLength,
} from './certificate-requests.ts';
import { parseBer, parseDer } from './der.ts';
import { openssl } from './openssl.ts';

const verify = (request: Buffer) =>
  openssl('req -verify -noout -inform DER -in {request}'.split(' '), { request });

for (const make of [ecKey, ed25519Key, () => rsaKey(2048)]) {
  const key = make();
  test(`openssl verifies a request for ${key.privateKey.asymmetricKeyType}`, async () => {
    const request = certificateRequest('device', key);
    parseDer(request);
    assert.match((await verify(request)).output, /verify OK/);
    assert.doesNotMatch((await verify(withBrokenSignature(request))).output, /verify OK/);
  });
}

test('a request of indefinite length is BER and nothing else is changed', () => {
  const request = certificateRequest('device', ecKey());
  const { children } = parseBer(withIndefiniteLength(request));
  const encodings = parseDer(request).children.map(({ encoded }) => encoded);
  assert.deepEqual(
    children.map(({ encoded }) => encoded),
    encodings,
  );
});
