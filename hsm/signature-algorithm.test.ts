import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CaSignatureAlgorithm, signatureAlgorithmOf, signatureHashOf } from '../ca/signer.ts';
import { algorithmParameters, digestFor } from './signature-algorithm.ts';

test('every kind of key that a token makes has its mechanism; the hash is the port’s', () => {
  for (const algorithm of Object.values(signatureAlgorithmOf)) {
    const { hash, digestBytes } = algorithmParameters(algorithm);
    assert.equal(hash, signatureHashOf[algorithm]);
    assert.equal(digestFor(algorithm, Buffer.from('octets')).length, digestBytes);
  }
});

test('an algorithm without a mechanism is a fault that names it, not a wrong signature', () => {
  const others: CaSignatureAlgorithm[] = [
    'RSASSA-PSS-SHA256',
    'Ed25519',
    'ML-DSA-44',
    'ML-DSA-65',
    'ML-DSA-87',
  ];
  for (const algorithm of others) {
    const fault = { name: 'TokenFault', kind: 'config', message: new RegExp(algorithm) };
    assert.throws(() => algorithmParameters(algorithm), fault);
    assert.throws(() => digestFor(algorithm, new Uint8Array()), fault);
  }
});
