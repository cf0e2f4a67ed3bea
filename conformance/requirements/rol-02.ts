import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';
import { rootRollover, verifyComplaint } from '../root-rollover.ts';

export const requirement: Requirement = {
  id: 'ROL-02',
  level: 'MUST',
  source: 'RFC 4210 section 4.4.1',
  title: 'The old key is certified by the new one for as long as the old root is valid',
  test: async (server) => {
    const { oldWithOld, oldWithNew, newWithNew } = await rootRollover(server);
    assert.equal(await verifyComplaint(oldWithNew, newWithNew), '');
    const validity = ({ validFrom, validTo }: typeof oldWithOld) => [validFrom, validTo];
    assert.deepEqual(validity(oldWithNew), validity(oldWithOld), 'the validities differ');
  },
};
