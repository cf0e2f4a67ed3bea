import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewalDue } from './renew-own-certificates.ts';

const at = (day: number) => new Date(Date.UTC(2030, 0, day));
const certificate = { notBefore: at(1), notAfter: at(31) };

test('a certificate is renewed with a third of its life left', () => {
  assert.deepEqual(new Date(renewalDue(certificate, at(99))), at(21));
});

test('one that ends with its issuer is not: the next would end no later, and be due at once', () => {
  assert.equal(renewalDue(certificate, at(31)), Number.POSITIVE_INFINITY);
  assert.ok(Number.isFinite(renewalDue(certificate, at(32))));
});
