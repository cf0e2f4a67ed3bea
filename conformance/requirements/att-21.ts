import assert from 'node:assert/strict';
import {
  EXTENSION_REQUEST,
  EXTENSION_TEMPLATE,
  onlyValue,
  profileTemplate,
  templateAttributes,
} from '../csr-attributes.ts';
import { TAG } from '../der.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-21',
  level: 'MUST',
  source: 'RFC 9908 section 3.4 and appendix A',
  title: 'The extensions of a template are one SEQUENCE OF, the only value of its Attribute',
  test: async (server) => {
    const list = templateAttributes(await profileTemplate(server));
    const value = onlyValue(list, EXTENSION_TEMPLATE) ?? onlyValue(list, EXTENSION_REQUEST);
    assert.ok(value, 'extKeyUsage, which a request must have, is not in the template');
    assert.equal(value.tag, TAG.sequence, 'the value is no SEQUENCE');
    for (const { tag, children, encoded } of value.children) {
      const isExtension = tag === TAG.sequence && children[0]?.tag === TAG.objectIdentifier;
      assert.ok(isExtension, `no extension: ${encoded.toString('hex')}`);
    }
  },
};
