import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';
import { rootRollover, verifyComplaint } from '../root-rollover.ts';

export const requirement: Requirement = {
  id: 'ROL-03',
  level: 'MUST',
  source: 'RFC 4210 section 4.4.1',
  title: 'The new key is certified by the old one, until the old root ends at the latest',
  test: async (server) => {
    const { oldWithOld, newWithOld, newWithNew } = await rootRollover(server);
    assert.equal(await verifyComplaint(newWithOld, oldWithOld), '');
    assert.ok(newWithOld.validToDate <= oldWithOld.validToDate, 'it outlives the old root');
    assert.equal(newWithOld.validFrom, newWithNew.validFrom, 'it begins with another key');
  },
};
