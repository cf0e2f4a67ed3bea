import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CaSignatureAlgorithm, signatureAlgorithmOf, signatureHashOf } from '../ca/signer.ts';
import { algorithmParameters, digestFor } from './signature-algorithm.ts';

test('every kind of key that a token makes has its mechanism; the hash is the port’s', () => {
  const octets = Buffer.from('octets');
  for (const algorithm of Object.values(signatureAlgorithmOf)) {
    const { digest } = algorithmParameters(algorithm);
    assert.equal(digest?.hash ?? null, signatureHashOf[algorithm]);
    assert.equal(digestFor(algorithm, octets).length, digest?.bytes ?? octets.length);
  }
});

test('an algorithm without a mechanism is a fault that names it, not a wrong signature', () => {
  const others: CaSignatureAlgorithm[] = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'];
  for (const algorithm of others) {
    const fault = { name: 'TokenFault', kind: 'config', message: new RegExp(algorithm) };
    assert.throws(() => algorithmParameters(algorithm), fault);
    assert.throws(() => digestFor(algorithm, new Uint8Array()), fault);
  }
});
