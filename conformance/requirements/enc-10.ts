import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-10',
  level: 'MUST',
  source: 'RFC 7030 section 4.1.3',
  title: '/cacerts is application/pkcs7-mime',
  test: async (server) => {
    const { headers } = await server.fetch('cacerts');
    const type = headers['content-type'] ?? '';
    assert.match(type, /^application\/pkcs7-mime\s*(;|$)/i, `Content-Type is "${type}"`);
  },
};
