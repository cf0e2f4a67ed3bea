import {
  certificateRequest,
  ecKey,
  ed25519Key,
  ed25519WithNullParameters,
} from '../certificate-requests.ts';
import { bitString, nullValue, objectIdentifier, sequence } from '../der-writer.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-13',
  level: 'MUST',
  source: 'RFC 8410 section 3, RFC 3279 section 2.3.1, RFC 5480 section 2.1.1',
  title: 'Keys with the wrong algorithm parameters are refused',
  test: async (server) => {
    const edwards = ed25519Key();
    const publicKey = ed25519WithNullParameters(edwards);
    await refusesRequest(server, 'Ed25519 with NULL parameters', (device) =>
      certificateRequest(device, edwards, { publicKey }),
    );
    const curve = ecKey();
    const ecPublicKey = sequence(objectIdentifier('1.2.840.10045.2.1'), nullValue());
    const withoutCurve = sequence(ecPublicKey, bitString(curve.publicKey.subarray(-65)));
    await refusesRequest(
      server,
      'an elliptic curve key with NULL in place of the curve',
      (device) => certificateRequest(device, curve, { publicKey: withoutCurve }),
    );
  },
};
