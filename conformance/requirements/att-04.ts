import assert from 'node:assert/strict';
import { readCsrAttributes } from '../csr-attributes.ts';
import { decodeBase64 } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-04',
  level: 'MAY',
  source: 'RFC 8951 section 4',
  title: 'That nothing is asked for is said by 204 or 404 rather than by an empty SEQUENCE',
  test: async (server) => {
    const { status, body } = await server.fetch('csrattrs');
    if (status !== 200) return;
    const list = readCsrAttributes(decodeBase64(body));
    assert.ok(list.length > 0, 'the answer is an empty SEQUENCE');
  },
};
