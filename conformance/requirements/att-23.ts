import assert from 'node:assert/strict';
import { announced, isType, REQUEST_TEMPLATE } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-23',
  level: 'MAY',
  source: 'RFC 9908 section 4',
  title: 'List and template are sent together, for older clients and newer ones',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    const isTemplate = list.map(({ type }) => isType(type, REQUEST_TEMPLATE));
    assert.ok(isTemplate.includes(true), 'there is no template');
    assert.ok(isTemplate.includes(false), 'there is nothing but the template');
  },
};
