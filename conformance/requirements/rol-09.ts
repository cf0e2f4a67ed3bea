import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';
import { rootRollover, verifyComplaint } from '../root-rollover.ts';

export const requirement: Requirement = {
  id: 'ROL-09',
  level: 'REC',
  source: 'RFC 4210 section 4.4.2.3',
  title:
    'Who trusts the old root alone verifies new certificates by what /cacerts gives, and with the new root too',
  test: async (server) => {
    const { oldWithOld, newWithNew, bag } = await rootRollover(server);
    const { certificate } = await server.sharedDevice();
    for (const anchor of [oldWithOld, newWithNew])
      assert.equal(await verifyComplaint(certificate, anchor, bag), '');
  },
};
