import assert from 'node:assert/strict';
import { isType, profileTemplate } from '../csr-attributes.ts';
import { TAG } from '../der.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-15',
  level: 'MUST',
  source: 'RFC 9908 section 3.4',
  title: 'The template names each part of the subject that is demanded, and no other',
  test: async (server) => {
    const { subject } = await profileTemplate(server);
    const names = (subject?.children ?? []).flatMap(({ children }) => children);
    const [commonName, ...others] = names;
    assert.ok(isType(commonName?.children[0], '2.5.4.3'), 'commonName is not in the template');
    assert.equal(others.length, 0, 'there is more than commonName in it');
    const types = commonName?.children.map(({ tag }) => tag) ?? [];
    assert.equal(types[0], TAG.objectIdentifier);
    assert.equal(types.length, 1, 'the name of the device is given, not left to it');
  },
};
