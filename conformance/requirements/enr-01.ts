import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-01',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.1, RFC 2986 section 4',
  title: 'The body is one PKCS#10 request and nothing after it',
  test: async (server) => {
    const trailing = (device: string) =>
      Buffer.concat([certificateRequest(device, ecKey()), Buffer.from([0])]);
    await refusesRequest(server, 'a request followed by 00', trailing);
    await refusesRequest(server, 'two requests', (device) =>
      Buffer.concat([certificateRequest(device, ecKey()), certificateRequest(device, ecKey())]),
    );
    await refusesRequest(server, 'half a request', (device) =>
      certificateRequest(device, ecKey()).subarray(0, 90),
    );
    await refusesRequest(server, 'an empty body', () => ({ body: '' }));
  },
};
