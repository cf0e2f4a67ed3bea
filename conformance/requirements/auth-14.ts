import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-14',
  level: 'REC',
  source: 'RFC 7030 section 6',
  title: 'A one-time credential enrolls one key, even if two requests race',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const attempt = () =>
      server.post('simpleenroll', certificateRequest(device, ecKey()), { credential });
    const racing = await Promise.all([attempt(), attempt(), attempt()]);
    const statuses = racing.map(({ status }) => status);
    const granted = statuses.filter((status) => status === 200).length;
    assert.equal(granted, 1, `three requests at once were answered ${statuses.join(', ')}`);
    refused(await attempt(), [401], 'the same credential once more, with another key');
  },
};
