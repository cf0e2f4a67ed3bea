import assert from 'node:assert/strict';
import { announced, EXTENSION_REQUEST, onlyValue } from '../csr-attributes.ts';
import { TAG } from '../der.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'ATT-09',
  level: 'MUST',
  source: 'RFC 9908 section 3.2',
  title: 'The value of extensionRequest is one Extensions, whole extensions and not types',
  test: async (server) => {
    const value = onlyValue(await announced(server.label('profile')), EXTENSION_REQUEST);
    if (value === undefined) skip('there is no extensionRequest in the list');
    assert.equal(value.tag, TAG.sequence, 'the value is no SEQUENCE');
    assert.ok(value.children.length > 0, 'there is no extension in it');
    for (const { tag, children, encoded } of value.children) {
      const tags = children.map((child) => child.tag).filter((each) => each !== TAG.boolean);
      const whole = tag === TAG.sequence && children.length <= 3;
      assert.ok(whole, `no Extension: ${encoded.toString('hex')}`);
      assert.deepEqual(tags, [TAG.objectIdentifier, TAG.octetString], encoded.toString('hex'));
    }
  },
};
