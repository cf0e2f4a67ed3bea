import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-11',
  level: 'REC',
  source: 'bc-java issue 901',
  title: '/cacerts has no smime-type parameter, which older Bouncy Castle clients refuse',
  test: async (server) => {
    const { headers } = await server.fetch('cacerts');
    assert.equal(headers['content-type'], 'application/pkcs7-mime', 'Content-Type of /cacerts');
  },
};
