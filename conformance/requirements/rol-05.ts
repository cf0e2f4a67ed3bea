import assert from 'node:assert/strict';
import { objectIdentifier } from '../der-writer.ts';
import { claimsAuthority, extensionsOf, keyUsage } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { four, rootRollover } from '../root-rollover.ts';

const BASIC_CONSTRAINTS = objectIdentifier('2.5.29.19');
const KEY_CERT_SIGN = 0x04;

export const requirement: Requirement = {
  id: 'ROL-05',
  level: 'MUST',
  source: 'RFC 5280 sections 4.2.1.3 and 4.2.1.9',
  title: 'All certificates over both keys of a root are CA certificates that may sign certificates',
  test: async (server) => {
    for (const each of four(await rootRollover(server))) {
      const constraints = extensionsOf(each).find(({ type }) => type.equals(BASIC_CONSTRAINTS));
      assert.ok(constraints?.critical && claimsAuthority(each), 'basicConstraints');
      assert.ok(((keyUsage(each) ?? 0) & KEY_CERT_SIGN) !== 0, 'keyUsage');
    }
  },
};
