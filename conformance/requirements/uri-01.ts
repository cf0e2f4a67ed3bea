import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-01',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.2',
  title: 'The operations live under /.well-known/est',
  test: async (server) => {
    answered(await server.fetch('/.well-known/est/cacerts'), 200, 'GET /.well-known/est/cacerts');
  },
};
