import assert from 'node:assert/strict';
import { announced } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-03',
  level: 'MUST',
  source: 'RFC 8951 section 4',
  title: 'The body is the base64 of CsrAttrs in DER: a SEQUENCE of types and Attributes',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    assert.ok(list.length > 0, 'the list is empty where requests must have something');
  },
};
