import { linkedBy, postBound } from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-03',
  level: 'MUST',
  source: 'RFC 7030 section 3.5',
  title: 'A password in challengePassword is refused, even the right one',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const attributes = linkedBy(() => credential.password);
    const alone = await postBound(server, { applicant: { device }, attributes });
    refused(alone, '4xx', 'the right password in challengePassword alone');
    const besides = await postBound(server, { applicant: { device, credential }, attributes });
    refused(besides, '4xx', 'the right password in challengePassword and in HTTP');
    const proper = { device, credential };
    const answer = await postBound(server, { applicant: proper, attributes: () => [] });
    answered(answer, 200, 'the same password by HTTP alone');
  },
};
