import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-01',
  level: 'MUST',
  source: 'RFC 7030 section 4.1.3',
  title: '/cacerts answers 200',
  test: async (server) => {
    answered(await server.fetch('cacerts'), 200, 'GET /cacerts');
  },
};
