import assert from 'node:assert/strict';
import { issuerName, subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { four, rootRollover } from '../root-rollover.ts';

export const requirement: Requirement = {
  id: 'ROL-01',
  level: 'MUST',
  source: 'RFC 4210 section 4.4.2.2',
  title: 'All certificates over both keys of a root have one subject and issuer',
  test: async (server) => {
    const all = four(await rootRollover(server));
    const names = all.flatMap((each) => [subjectName(each), issuerName(each)]);
    assert.equal(new Set(names.map((name) => name.toString('hex'))).size, 1, 'names differ');
  },
};
