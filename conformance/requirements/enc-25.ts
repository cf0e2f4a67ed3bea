import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { parseDer } from '../der.ts';
import { answered, decodeBase64 } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-25',
  level: 'MUST',
  source: 'X.690 sections 10 and 11',
  title: 'Everything sent is in distinguished encoding',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const request = certificateRequest(device, ecKey());
    const enrolled = await server.post('simpleenroll', request, applicant);
    answered(enrolled, 200, 'POST /simpleenroll');
    parseDer(decodeBase64((await server.fetch('cacerts')).body));
    parseDer(decodeBase64(enrolled.body));
    const attributes = await server.fetch('csrattrs');
    if (attributes.status === 200) parseDer(decodeBase64(attributes.body));
  },
};
