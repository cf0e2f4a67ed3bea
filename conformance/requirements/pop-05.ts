import { foreignBinding, linkedBy, postBound, versions } from '../channel-binding.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-05',
  level: 'MUST',
  source: 'RFC 5929 section 3.1, RFC 9266 section 2',
  title: 'The channel binding of another connection is refused',
  test: async (server) => {
    for (const version of versions) {
      const elsewhere = await foreignBinding(server, version);
      const answer = await postBound(server, { version, attributes: linkedBy(() => elsewhere) });
      refused(answer, '4xx', `the channel binding of another connection on ${version}`);
    }
  },
};
