import {
  certificateRequest,
  ecKey,
  explicitParametersKey,
  offCurvePublicKey,
  rsaKey,
} from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-12',
  level: 'REC',
  source: 'NIST SP 800-131A, RFC 5480 section 2.1.1',
  title: 'Weak and malformed public keys are refused',
  test: async (server) => {
    const small = rsaKey(1024);
    const explicit = explicitParametersKey();
    const key = ecKey();
    const publicKey = offCurvePublicKey(key);
    const keys: Record<string, (device: string) => Buffer> = {
      'RSA of 1024 bits': (device) => certificateRequest(device, small),
      'explicit curve parameters': (device) => certificateRequest(device, explicit),
      'a point off the curve': (device) => certificateRequest(device, key, { publicKey }),
    };
    for (const [what, make] of Object.entries(keys))
      await refusesRequest(server, what, make, [400, 403]);
  },
};
