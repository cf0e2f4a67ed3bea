import assert from 'node:assert/strict';
import {
  attributesOf,
  EXTENSION_REQUEST,
  EXTENSION_TEMPLATE,
  profileTemplate,
  templateAttributes,
} from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-19',
  level: 'MUST NOT',
  source: 'RFC 9908 section 3.4',
  title: 'A template has not two Attributes for extensions, of one type or of both',
  test: async (server) => {
    const list = templateAttributes(await profileTemplate(server));
    const fixed = attributesOf(list, EXTENSION_REQUEST).length;
    const open = attributesOf(list, EXTENSION_TEMPLATE).length;
    const found = `${fixed} of extensionRequest, ${open} of extensionReqTemplate`;
    assert.equal(fixed + open, 1, `expected one, as extKeyUsage is demanded; got ${found}`);
  },
};
