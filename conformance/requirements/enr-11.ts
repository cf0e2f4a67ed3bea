import assert from 'node:assert/strict';
import { attribute, certificateRequest, ecKey, extendedKeyUsage } from '../certificate-requests.ts';
import { sequence } from '../der-writer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-11',
  level: 'REC',
  source: 'Microsoft certificate services, OID 1.3.6.1.4.1.311.2.1.14',
  title: 'The extension attribute of Windows requests is no fault',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const attributes = [
      attribute('1.3.6.1.4.1.311.2.1.14', sequence(extendedKeyUsage('1.3.6.1.5.5.7.3.2'))),
    ];
    const request = certificateRequest(device, ecKey(), { attributes });
    const { status } = await server.post('simpleenroll', request, applicant);
    assert.ok([200, 400, 403].includes(status), `such a request was answered ${status}`);
  },
};
