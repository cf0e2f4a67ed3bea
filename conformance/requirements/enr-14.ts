import { certificateRequest, ecKey, rsaKey } from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-14',
  level: 'REC',
  source: 'RFC 7030 section 4.2.1, RFC 9155',
  title: 'Requests signed with SHA-1 are refused',
  test: async (server) => {
    for (const make of [ecKey, () => rsaKey(2048)]) {
      const key = make();
      const what = `${key.privateKey.asymmetricKeyType} with SHA-1`;
      const request = (device: string) => certificateRequest(device, key, { hash: 'sha1' });
      await refusesRequest(server, what, request, [400, 403]);
    }
  },
};
