import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-09',
  level: 'REC',
  source: 'libest issue 127, globalsign/est',
  title: 'Answers say Content-Transfer-Encoding: base64 for clients from before RFC 8951',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const request = certificateRequest(device, ecKey());
    for (const { headers } of [
      await server.fetch('cacerts'),
      await server.post('simpleenroll', request, applicant),
    ]) {
      assert.equal(
        headers['content-transfer-encoding']?.toLowerCase(),
        'base64',
        'not in the answer',
      );
    }
  },
};
