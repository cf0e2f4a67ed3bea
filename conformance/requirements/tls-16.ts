import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-16',
  level: 'MUST',
  source: 'RFC 7030 section 3.3.2',
  title:
    'A certificate of a third party enrolls and does not re-enroll: its trust anchors are kept apart',
  test: async (server) => {
    const view = server.label('factory');
    const { device, client } = await view.commands.factoryDevice(view.pathLabel);
    const enrolled = await view.post('simpleenroll', certificateRequest(device, ecKey()), {
      client,
    });
    issuedCertificate(enrolled, 'simpleenroll by a factory certificate');
    const renewal = await view.post('simplereenroll', certificateRequest(device, ecKey()), {
      client,
    });
    refused(renewal, '4xx', 'simplereenroll by the factory certificate');
  },
};
