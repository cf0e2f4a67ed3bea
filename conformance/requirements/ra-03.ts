import { CHALLENGE_PASSWORD, challenge, linkedBy, postBound } from '../channel-binding.ts';
import { answered } from '../inspect-answer.ts';
import { relayedDevice } from '../registration-authority.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RA-03',
  level: 'SHOULD',
  source: 'RFC 7030 section 3.7',
  title: 'Linking information that a registration authority relays may be anything, or missing',
  test: async (server) => {
    const applicant = await relayedDevice(server);
    // 12 octets that are nobody's, and what a device sends where it knows no channel binding.
    for (const text of ['AAAAAAAAAAAAAAAA', 'not-applicable']) {
      const attributes = linkedBy(() => text);
      answered(
        await postBound(server, { applicant, attributes }),
        200,
        `challengePassword "${text}" from a registration authority`,
      );
    }
    const linking = server.label('linking');
    const { device } = await linking.newcomer();
    const relayed = { device, client: applicant.client };
    const missing = await postBound(linking, { applicant: relayed, attributes: () => [] });
    answered(missing, 200, 'a request without linking where it is required');
    const attributes = () => [challenge(CHALLENGE_PASSWORD, 'AAAAAAAAAAAAAAAA')];
    const foreign = await postBound(linking, { applicant: relayed, attributes });
    answered(foreign, 200, 'a request with foreign linking where it is required');
  },
};
