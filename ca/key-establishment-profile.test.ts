import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceProfile } from './certificate-profile.ts';
import { keyEstablishmentProfile } from './key-establishment-profile.ts';

const profile = deviceProfile({ validity: '1d', endpoints: 'extension' });

test('an RSA key transports keys, any other agrees on them, and neither authenticates', () => {
  const transport = keyEstablishmentProfile(profile, { kind: 'RSA' });
  assert.deepEqual(transport.keyUsage, ['keyEncipherment']);
  assert.equal(transport.name, 'device-key-encipherment');
  for (const kind of ['EC', 'X25519', 'X448'] as const) {
    const agreement = keyEstablishmentProfile(profile, { kind });
    assert.deepEqual(agreement.keyUsage, ['keyAgreement']);
    assert.equal(agreement.name, 'device-key-agreement');
  }
  assert.deepEqual(transport.extendedKeyUsage, []);
  assert.equal(transport.validitySeconds, profile.validitySeconds);
  assert.equal(transport.endpoints, profile.endpoints);
  assert.deepEqual(profile.keyUsage, ['digitalSignature']);
});

test('the same profile and use is the same value, for those that keep it', () => {
  const other = deviceProfile({ validity: '2d', endpoints: 'none' });
  const one = keyEstablishmentProfile(profile, { kind: 'EC' });
  assert.equal(keyEstablishmentProfile(profile, { kind: 'X25519' }), one);
  assert.notEqual(keyEstablishmentProfile(profile, { kind: 'RSA' }), one);
  assert.notEqual(keyEstablishmentProfile(other, { kind: 'EC' }), one);
});
