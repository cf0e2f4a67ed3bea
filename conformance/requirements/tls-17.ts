import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-17',
  level: 'MUST',
  source: 'RFC 7030 section 3.1',
  title: 'The trust anchors of third parties can be disabled',
  test: async (server) => {
    const view = server.label('no-factory');
    const { device, client } = await view.commands.factoryDevice(view.pathLabel);
    const answer = await view.post('simpleenroll', certificateRequest(device, ecKey()), { client });
    refused(answer, [401, 403], 'simpleenroll by a factory certificate where none is accepted');
    const elsewhere = server.label('factory');
    const other = await elsewhere.commands.factoryDevice(elsewhere.pathLabel);
    const request = certificateRequest(other.device, ecKey());
    const control = await elsewhere.post('simpleenroll', request, { client: other.client });
    issuedCertificate(control, 'the same where they are accepted');
  },
};
