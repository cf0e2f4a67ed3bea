import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-07',
  level: 'REC',
  source: 'RFC 7030 section 3.2.2',
  title: 'Unknown labels, unknown operations and surplus segments answer 404',
  test: async (server) => {
    for (const path of ['no-such-label/cacerts', 'a/b/cacerts', 'no-such-operation']) {
      answered(await server.fetch(`/.well-known/est/${path}`), 404, `GET /${path}`);
    }
  },
};
