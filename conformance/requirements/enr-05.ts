import { bindingOf, foreignBinding, linkedBy, postBound, versions } from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-05',
  level: 'MUST',
  source: 'RFC 7030 sections 3.5, 4.2.1 and 4.2.2',
  title: 'A challengePassword is verified in enrollment and in re-enrollment',
  test: async (server) => {
    const { device, client } = await server.sharedDevice();
    const applicants = {
      simpleenroll: await server.applicant(),
      simplereenroll: { device, client },
    } as const;
    for (const operation of ['simpleenroll', 'simplereenroll'] as const) {
      const applicant = applicants[operation];
      for (const version of versions) {
        const bound = { operation, applicant, version };
        const own = await postBound(server, { ...bound, attributes: linkedBy(bindingOf) });
        answered(own, 200, `/${operation} with channel binding on ${version}`);
        const elsewhere = await foreignBinding(server, version);
        const foreign = await postBound(server, {
          ...bound,
          attributes: linkedBy(() => elsewhere),
        });
        refused(foreign, '4xx', `/${operation} with that of another connection on ${version}`);
      }
    }
  },
};
