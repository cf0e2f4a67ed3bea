import assert from 'node:assert/strict';
import {
  certificateRequest,
  ecKey,
  extendedKeyUsage,
  extensionRequest,
} from '../certificate-requests.ts';
import type { Applicant } from '../est-server.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import { purposes } from '../inspect-certificate.ts';
import { CMC_REGISTRATION_AUTHORITY, relayedDevice } from '../registration-authority.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RA-04',
  level: 'REC',
  source: 'RFC 6402 section 2.10',
  title: 'Who is a registration authority is up to the operator, and not to a request',
  test: async (server) => {
    const { certificate } = await server.authority();
    assert.ok(
      purposes(certificate)?.has(CMC_REGISTRATION_AUTHORITY),
      'the certificate of the registration authority does not say that it is one',
    );
    const asks = async (who: string, { device, ...applicant }: Applicant) => {
      const attributes = [extensionRequest(extendedKeyUsage(CMC_REGISTRATION_AUTHORITY))];
      const request = certificateRequest(device, ecKey(), { attributes });
      const answer = await server.post('simpleenroll', request, applicant);
      if (answer.status !== 200) return refused(answer, [400, 403], `id-kp-cmcRA for ${who}`);
      const issued = issuedCertificate(answer, who);
      assert.ok(
        purposes(issued) && !purposes(issued)?.has(CMC_REGISTRATION_AUTHORITY),
        `${who} became a registration authority`,
      );
    };
    await asks('a device that asks for it', await server.applicant());
    await asks('a device whose authority asks for it', await relayedDevice(server));
  },
};
