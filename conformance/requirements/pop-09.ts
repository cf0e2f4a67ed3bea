import { linkedBy, postBound, secondFinished, tlsUnique } from '../channel-binding.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-09',
  level: 'MUST NOT',
  source: 'RFC 8446 appendix C.5, RFC 9266 section 1',
  title: 'Finished messages of TLS 1.3 are not taken for tls-unique',
  test: async (server) => {
    for (const [whose, finished] of [
      ['client', tlsUnique],
      ['server', secondFinished],
    ] as const) {
      const version = 'TLSv1.3';
      const answer = await postBound(server, { version, attributes: linkedBy(finished) });
      refused(answer, '4xx', `the Finished of the ${whose} on TLS 1.3`);
    }
  },
};
