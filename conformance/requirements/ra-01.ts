import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { answered, refused } from '../inspect-answer.ts';
import { relayedDevice } from '../registration-authority.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RA-01',
  level: 'SHOULD',
  source: 'RFC 7030 section 3.7',
  title: 'A registration authority enrolls for devices, and a device for no other',
  test: async (server) => {
    const { device, client } = await relayedDevice(server);
    const { client: plain } = await server.sharedDevice();
    const request = () => certificateRequest(device, ecKey());
    refused(
      await server.post('simpleenroll', request(), { client: plain }),
      '4xx',
      'a request for another device from a device',
    );
    const relayed = await server.post('simpleenroll', request(), { client });
    answered(relayed, 200, 'the same from the registration authority');
  },
};
