import { certificateRequest, x25519Key } from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-16',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.1',
  title: 'A key that cannot sign cannot enroll here',
  test: async (server) => {
    const key = x25519Key();
    await refusesRequest(server, 'an X25519 key', (device) => certificateRequest(device, key));
  },
};
