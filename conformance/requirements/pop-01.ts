import { linkedBy, postBound, tlsUnique } from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-01',
  level: 'MUST',
  source: 'RFC 7030 sections 3.3 and 3.5',
  title: 'The server verifies tls-unique where a request carries it',
  test: async (server) => {
    const right = await postBound(server, { attributes: linkedBy(tlsUnique) });
    answered(right, 200, 'a challengePassword with tls-unique');
    const short = await postBound(server, {
      attributes: linkedBy((socket) => tlsUnique(socket).slice(0, 12)),
    });
    refused(short, '4xx', 'a challengePassword with the first half of tls-unique');
  },
};
