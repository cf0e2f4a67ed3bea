import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-19',
  level: 'REC',
  source: 'RFC 5280 section 4.1.2.2',
  title: 'The same request twice gives the same certificate or two serial numbers',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const request = certificateRequest(device, ecKey());
    const first = await server.post('simpleenroll', request, { credential });
    const one = issuedCertificate(first, 'the first time');
    const second = await server.post('simpleenroll', request, { credential });
    if (second.status !== 200) return refused(second, [401, 403], 'the second time');
    const two = issuedCertificate(second, 'the second time');
    const same = one.raw.equals(two.raw);
    assert.ok(
      same || one.serialNumber !== two.serialNumber,
      'two certificates share a serial number',
    );
  },
};
