import assert from 'node:assert/strict';
import { paddedRequest } from '../certificate-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-05',
  level: 'REC',
  source: 'RFC 4648 section 3.5',
  title: 'Wrong padding is answered the same way each time and breaks nothing',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const unpadded = paddedRequest(device).toString('base64').replace(/=+$/, '');
    for (const text of [unpadded, `${unpadded}====`, `${unpadded}=`]) {
      const answers = [
        await server.fetch('simpleenroll', { ...applicant, body: text }),
        await server.fetch('simpleenroll', { ...applicant, body: text }),
      ];
      const statuses = answers.map(({ status }) => status);
      assert.ok(
        statuses.every((status) => [200, 400].includes(status)),
        `answered ${statuses.join(' and ')}`,
      );
      assert.equal(new Set(statuses).size, 1, `answered ${statuses.join(' and then ')}`);
    }
  },
};
