import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-18',
  level: 'REC',
  source: 'RFC 9110 section 15.5.14',
  title: 'A body of a mebibyte is answered 413',
  test: async (server) => {
    const { client } = await server.sharedDevice();
    const body = `${'A'.repeat(63)}\n`.repeat(16_384);
    const answer = await server.fetch('simpleenroll', { client, body });
    answered(answer, 413, 'a body of 1 MiB');
  },
};
