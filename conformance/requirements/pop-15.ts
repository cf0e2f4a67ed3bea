import assert from 'node:assert/strict';
import { CHALLENGE_PASSWORD } from '../channel-binding.ts';
import { announced, isType } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-15',
  level: 'MUST',
  source: 'RFC 7030 section 4.5.2, RFC 8951 section 4',
  title: 'Where linking is required, /csrattrs lists challengePassword',
  test: async (server) => {
    const list = await announced(server.label('linking'));
    assert.ok(
      list.some(({ type, values }) => isType(type, CHALLENGE_PASSWORD) && !values),
      'challengePassword is not listed as a type of its own',
    );
  },
};
