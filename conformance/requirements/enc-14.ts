import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-14',
  level: 'REC',
  source: 'RFC 9110 section 15.5.16',
  title: 'A request of another media type is answered 415',
  test: async (server) => {
    for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded']) {
      const make = (device: string) => ({
        body: base64Lines(certificateRequest(device, ecKey())),
        headers: { 'Content-Type': type },
      });
      await refusesRequest(server, `Content-Type: ${type}`, make, [415]);
    }
  },
};
