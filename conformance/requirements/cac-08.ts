import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-08',
  level: 'SHOULD NOT',
  source: 'RFC 7030 section 4.1.2',
  title: '/cacerts answers an anonymous client',
  test: async (server) => {
    const answer = await server.fetch('cacerts');
    answered(answer, 200, 'GET /cacerts without a certificate and without credentials');
  },
};
