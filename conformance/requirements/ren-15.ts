import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { ecKey } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { extensionValue } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-15',
  level: 'REC',
  source: 'RFC 5280 section 4.2.1.2',
  title: 'The subject key identifier follows the key',
  test: async (server) => {
    const { certificate, client, key } = await server.sharedDevice();
    const renewal = await server.post('simplereenroll', renewalRequest(certificate, key), {
      client,
    });
    const rekey = await server.post('simplereenroll', renewalRequest(certificate, ecKey()), {
      client,
    });
    const identifier = (each: X509Certificate) =>
      extensionValue(each, '2.5.29.14')?.toString('hex') ?? 'absent';
    const before = identifier(certificate);
    assert.notEqual(before, 'absent', 'there is no subject key identifier');
    assert.equal(identifier(issuedCertificate(renewal, 'same key')), before, 'same key');
    const after = identifier(issuedCertificate(rekey, 'new key'));
    assert.ok(after !== before && after !== 'absent', 'a new key has the old identifier or none');
  },
};
