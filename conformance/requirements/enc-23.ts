import assert from 'node:assert/strict';
import { enrolls } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-23',
  level: 'REC',
  source: 'RFC 9110 section 12.5.1',
  title: 'Accept does not change the answer',
  test: async (server) => {
    for (const accept of ['', '*/*', 'text/html', 'application/json;q=1']) {
      const answer = await server.fetch('cacerts', { headers: { Accept: accept } });
      answered(answer, 200, `Accept "${accept}"`);
      assert.match(
        answer.headers['content-type'] ?? '',
        /^application\/pkcs7-mime/i,
        `Accept "${accept}"`,
      );
      await enrolls(server, `Accept "${accept}"`, {}, () => ({ headers: { Accept: accept } }));
    }
  },
};
