import { enrolls } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-13',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.1, RFC 5967',
  title: 'A request of type application/pkcs10 is taken',
  test: async (server) => {
    const headers = { 'Content-Type': 'application/pkcs10' };
    await enrolls(server, 'Content-Type: application/pkcs10', {}, () => ({ headers }));
  },
};
