import { certificateRequest, dnsNames, ecKey, extensionRequest } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { answered, refused } from '../inspect-answer.ts';
import { subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-03',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.2',
  title: 'The alternative names of a renewal request are those of the certificate',
  test: async (server) => {
    const { certificate, client } = await server.sharedDevice();
    const subject = subjectName(certificate);
    const same = await server.post('simplereenroll', renewalRequest(certificate, ecKey()), {
      client,
    });
    answered(same, 200, 'the names of the certificate');
    const attributes = [extensionRequest(dnsNames('added.conformance.invalid'))];
    const added = certificateRequest(subject, ecKey(), { attributes });
    const more = await server.post('simplereenroll', added, { client });
    refused(more, [400, 403], 'other alternative names');
    if (certificate.subjectAltName === undefined) return;
    const less = await server.post('simplereenroll', certificateRequest(subject, ecKey()), {
      client,
    });
    refused(less, [400, 403], 'the alternative names left out');
  },
};
