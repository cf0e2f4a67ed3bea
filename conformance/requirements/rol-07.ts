import assert from 'node:assert/strict';
import { issuerName, subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { rootRollover } from '../root-rollover.ts';

export const requirement: Requirement = {
  id: 'ROL-07',
  level: 'MUST',
  source: 'RFC 5280 section 4.1.2.2',
  title: 'No serial number stands twice under the name of a root',
  test: async (server) => {
    const { bag, newWithNew } = await rootRollover(server);
    const own = bag.filter((each) => issuerName(each).equals(subjectName(newWithNew)));
    const serials = new Set(own.map(({ serialNumber }) => serialNumber));
    assert.equal(serials.size, own.length, 'a serial number stands twice');
  },
};
