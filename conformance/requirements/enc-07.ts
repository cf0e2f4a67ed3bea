import assert from 'node:assert/strict';
import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-07',
  level: 'REC',
  source: 'globalsign/est issue 23',
  title: 'A request in PEM armour is granted or refused with words, never a fault',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const lines = base64Lines(certificateRequest(device, ecKey()));
    const name = 'CERTIFICATE REQUEST';
    const body = `-----BEGIN ${name}-----\n${lines}-----END ${name}-----\n`;
    const answer = await server.fetch('simpleenroll', { ...applicant, body });
    if (answer.status === 200) issuedCertificate(answer, 'a request in PEM');
    else {
      refused(answer, [400], 'a request in PEM');
      assert.notEqual(answer.body.length, 0, 'the refusal says nothing');
    }
  },
};
