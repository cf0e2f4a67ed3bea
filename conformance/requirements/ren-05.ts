import assert from 'node:assert/strict';
import { renewalRequest } from '../flows.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-05',
  level: 'MUST',
  source: 'RFC 7030 sections 2.3 and 3.3.2',
  title: 'A device renews the certificate that it authenticates with',
  test: async (server) => {
    const { certificate, client, key } = await server.sharedDevice();
    const answer = await server.post('simplereenroll', renewalRequest(certificate, key), {
      client,
    });
    const renewed = issuedCertificate(answer, 'POST /simplereenroll');
    assert.ok(subjectName(renewed).equals(subjectName(certificate)), 'the subject has changed');
  },
};
