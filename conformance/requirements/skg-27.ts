import assert from 'node:assert/strict';
import { plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-27',
  level: 'REC',
  source: 'RFC 9110 section 9.3.3, RFC 9111 section 5.2.2.5',
  title: 'An answer with a key may be kept by no cache',
  test: async (server) => {
    const { answer } = await plainDelivery(server);
    assert.match(answer.headers['cache-control'] ?? 'none', /\bno-store\b/i, 'Cache-Control');
  },
};
