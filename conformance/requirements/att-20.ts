import assert from 'node:assert/strict';
import {
  EXTENSION_TEMPLATE,
  onlyValue,
  profileTemplate,
  templateAttributes,
} from '../csr-attributes.ts';
import { TAG } from '../der.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-20',
  level: 'MUST',
  source: 'RFC 9908 section 3.4',
  title: 'extensionReqTemplate stands only where a value is left to the client',
  test: async (server) => {
    const value = onlyValue(templateAttributes(await profileTemplate(server)), EXTENSION_TEMPLATE);
    if (value === undefined) return;
    const open = value.children.some(({ children }) => children.at(-1)?.tag !== TAG.octetString);
    // A subjectAltName may have a value with gaps (RFC 9908 section 3.4); the others are whole.
    const partial = value.children.some(
      ({ children }) => children[0]?.encoded.toString('hex') === '0603551d11',
    );
    assert.ok(open || partial, 'all extensions have their values: extensionRequest would do');
  },
};
