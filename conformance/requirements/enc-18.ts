import assert from 'node:assert/strict';
import { plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-18',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2',
  title: 'The answer of /serverkeygen is multipart/mixed and names its boundary',
  test: async (server) => {
    const { answer } = await plainDelivery(server);
    const type = answer.headers['content-type'] ?? 'none';
    assert.match(type, /^multipart\/mixed *;(.*;)? *boundary=/i, `Content-Type: ${type}`);
  },
};
