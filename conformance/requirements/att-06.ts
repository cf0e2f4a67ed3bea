import assert from 'node:assert/strict';
import { announced, isType } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-06',
  level: 'MUST',
  source: 'RFC 8951 section 4, RFC 7030 section 3.5',
  title: 'Where channel binding is demanded, challengePassword is announced',
  test: async (server) => {
    const list = await announced(server.label('linking'));
    const named = list.some(({ type }) => isType(type, '1.2.840.113549.1.9.7'));
    assert.ok(named, 'challengePassword is not in the list');
  },
};
