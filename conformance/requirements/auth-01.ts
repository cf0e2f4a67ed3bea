import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { answered, issuedCertificate } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';
import { clientCertificate } from '../self-made-certificates.ts';

export const requirement: Requirement = {
  id: 'AUTH-01',
  level: 'MAY',
  source: 'RFC 7030 section 3.2.3',
  title: 'A client certificate and a password can be demanded together',
  test: async (server) => {
    const both = server.label('both');
    const { client: authority } = await server.authority();
    const { device, credential } = await both.newcomer();
    const key = ecKey();
    // Where one credential is not enough, the first certificate comes by somebody else.
    const first = issuedCertificate(
      await both.post('simpleenroll', certificateRequest(device, key), { client: authority }),
      'a first certificate by the registration authority',
    );
    const client = clientCertificate(key, first.raw);
    const request = certificateRequest(device, ecKey());
    const shows = (credentials: object) => both.post('simpleenroll', request, credentials);
    answered(await shows({ client }), 401, 'the client certificate alone');
    answered(await shows({ credential }), 401, 'the password alone');
    answered(await shows({ client, credential }), 200, 'both together');
  },
};
