import assert from 'node:assert/strict';
import { CHALLENGE_PASSWORD, EST_IDENTITY_LINKING } from '../channel-binding.ts';
import { announced, isType } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ALT-02',
  level: 'MAY',
  source: 'RFC 7894 section 4',
  title: 'estIdentityLinking and challengePassword are listed together, for old clients',
  test: async (server) => {
    const list = await announced(server.label('linking'));
    for (const [name, oid] of [
      ['estIdentityLinking', EST_IDENTITY_LINKING],
      ['challengePassword', CHALLENGE_PASSWORD],
    ] as const) {
      const listed = list.filter(({ type }) => isType(type, oid)).length;
      assert.equal(listed, 1, `how often ${name} is listed`);
    }
  },
};
