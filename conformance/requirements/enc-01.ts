import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { parseDer } from '../der.ts';
import { answered, decodeBase64 } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-01',
  level: 'MUST',
  source: 'RFC 8951 section 3',
  title: 'Request bodies and answers are base64 of DER',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const answer = await server.post(
      'simpleenroll',
      certificateRequest(device, ecKey()),
      applicant,
    );
    answered(answer, 200, 'POST /simpleenroll with a base64 body');
    for (const { body } of [answer, await server.fetch('cacerts')]) parseDer(decodeBase64(body));
  },
};
