import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { publicKeyInfo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-07',
  level: 'MAY',
  source: 'RFC 7030 section 4.2.1',
  title: 'A device with a certificate may obtain another',
  test: async (server) => {
    const { device, client, certificate } = await server.sharedDevice();
    const key = ecKey();
    const answer = await server.post('simpleenroll', certificateRequest(device, key), { client });
    const second = issuedCertificate(answer, 'a second certificate');
    assert.notEqual(
      second.serialNumber,
      certificate.serialNumber,
      'it is the first certificate again',
    );
    assert.ok(publicKeyInfo(second).equals(key.publicKey), 'it is not for the key of the request');
  },
};
