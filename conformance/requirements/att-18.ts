import assert from 'node:assert/strict';
import { announced, profileTemplate, requestTemplate } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-18',
  level: 'MUST',
  source: 'RFC 9908 section 3.4',
  title: 'The attributes of a template are there even if they are none',
  test: async (server) => {
    assert.ok((await profileTemplate(server)).attributes, 'there is no [1] in the template');
    const linking = requestTemplate(await announced(server.label('linking')));
    assert.ok(linking === undefined || linking.attributes, 'nor where channel binding is demanded');
  },
};
