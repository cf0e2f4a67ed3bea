import { enrolls } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-02',
  level: 'MUST',
  source: 'RFC 8951 section 3',
  title: 'Content-Transfer-Encoding in a request is ignored',
  test: async (server) => {
    for (const encoding of ['', 'base64', 'binary', '7bit', 'no-such-encoding']) {
      const headers = { 'Content-Transfer-Encoding': encoding };
      await enrolls(server, `Content-Transfer-Encoding "${encoding}"`, {}, () => ({ headers }));
    }
  },
};
