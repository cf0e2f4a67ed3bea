import assert from 'node:assert/strict';
import { profileTemplate } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-14',
  level: 'MUST',
  source: 'RFC 9908 section 3.4',
  title: 'The version of the template is v1(0)',
  test: async (server) => {
    const { version } = await profileTemplate(server);
    assert.equal(version?.encoded.toString('hex'), '020100', 'version');
  },
};
