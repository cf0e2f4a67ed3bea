import assert from 'node:assert/strict';
import { certificateRequest, ecKey, withIndefiniteLength } from '../certificate-requests.ts';
import { enrolls } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-20',
  level: 'SHOULD',
  source: 'RFC 5967 section 2.1, RFC 8951 section 3',
  title: 'A request in BER gets a clear answer, and DER is read afterwards as before',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const ber = withIndefiniteLength(certificateRequest(device, ecKey()));
    const { status } = await server.post('simpleenroll', ber, applicant);
    assert.ok([200, 400].includes(status), `a request of indefinite length was answered ${status}`);
    await enrolls(server, 'the same in DER');
  },
};
