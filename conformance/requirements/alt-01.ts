import assert from 'node:assert/strict';
import { EST_IDENTITY_LINKING } from '../channel-binding.ts';
import { announced, isType } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ALT-01',
  level: 'MUST',
  source: 'RFC 7894 section 4',
  title: 'Where linking is required, every answer of /csrattrs lists estIdentityLinking',
  test: async (server) => {
    const linking = server.label('linking');
    for (const which of ['first', 'second']) {
      const listed = (await announced(linking)).some(({ type }) =>
        isType(type, EST_IDENTITY_LINKING),
      );
      assert.ok(listed, `the ${which} answer does not list estIdentityLinking`);
    }
  },
};
