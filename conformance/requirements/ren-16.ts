import { X509Certificate } from 'node:crypto';
import { ecKey } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-16',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.2',
  title: 'A certificate of a third party is not re-enrolled here',
  test: async (server) => {
    const view = server.label('factory');
    const { client } = await view.commands.factoryDevice(view.pathLabel);
    const certificate = new X509Certificate(client.cert);
    const renewal = await view.post('simplereenroll', renewalRequest(certificate, ecKey()), {
      client,
    });
    refused(renewal, '4xx', 'simplereenroll of the factory certificate itself');
  },
};
