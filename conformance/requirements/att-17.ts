import assert from 'node:assert/strict';
import { profileTemplate } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-17',
  level: 'MUST',
  source: 'RFC 9908 section 3.4',
  title: 'The template has a subjectPublicKey for the size of an RSA key only',
  test: async (server) => {
    const { key } = await profileTemplate(server);
    assert.equal(key?.children.length, 1, 'number of elements in the subjectPKInfo of an EC key');
  },
};
