import {
  certificateRequest,
  ecKey,
  ed25519Key,
  rsaKey,
  withBrokenSignature,
} from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-02',
  level: 'MUST',
  source: 'RFC 2986 sections 3 and 4.2, RFC 7030 section 4.2.1',
  title: 'The signature of the request is verified with its own key',
  test: async (server) => {
    for (const make of [ecKey, ed25519Key, () => rsaKey(2048)]) {
      const key = make();
      const what = `${key.privateKey.asymmetricKeyType} signature with one bit wrong`;
      await refusesRequest(server, what, (device) =>
        withBrokenSignature(certificateRequest(device, key)),
      );
    }
    const stranger = ecKey();
    await refusesRequest(server, 'signed with another key', (device) =>
      certificateRequest(device, stranger, { publicKey: ecKey().publicKey }),
    );
  },
};
