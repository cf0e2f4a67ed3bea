import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { decodeBase64, issuedCertificate, signedData } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-02',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3',
  title: 'The answer holds the issued certificate and no other',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const answer = await server.post(
      'simpleenroll',
      certificateRequest(device, ecKey()),
      applicant,
    );
    issuedCertificate(answer, 'POST /simpleenroll');
    const { certificates, others } = signedData(decodeBase64(answer.body));
    assert.equal(certificates.length, 1, `${certificates.length} certificates were sent`);
    assert.equal(others.length, 0, 'there is more than certificates');
  },
};
