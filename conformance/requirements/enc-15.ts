import { enrolls } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-15',
  level: 'MUST',
  source: 'RFC 9110 section 8.3.1',
  title: 'Media types are compared without regard to case, and their parameters are tolerated',
  test: async (server) => {
    for (const type of [
      'Application/PKCS10',
      'application/pkcs10; charset=utf-8',
      'application/pkcs10;name="smime.p10"',
      'APPLICATION/pkcs10 ; NAME="a;b.p10"; charset="us-ascii"',
    ]) {
      const headers = { 'Content-Type': type };
      await enrolls(server, `Content-Type: ${type}`, {}, () => ({ headers }));
    }
  },
};
