import assert from 'node:assert/strict';
import { announced, requestTemplate } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-13',
  level: 'MAY',
  source: 'RFC 9908 section 3.4',
  title: 'There is a template, the one value of its Attribute',
  test: async (server) => {
    const template = requestTemplate(await announced(server.label('profile')));
    assert.ok(template, 'id-aa-certificationRequestInfoTemplate is not in the answer');
  },
};
