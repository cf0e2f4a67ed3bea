import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';
import { rootRollover, verifyComplaint } from '../root-rollover.ts';

export const requirement: Requirement = {
  id: 'ROL-04',
  level: 'MUST',
  source: 'RFC 4210 section 4.4.1',
  title: 'The new key is certified by itself',
  test: async (server) => {
    const { newWithNew } = await rootRollover(server);
    assert.equal(await verifyComplaint(newWithNew, newWithNew), '');
  },
};
