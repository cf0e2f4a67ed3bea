import assert from 'node:assert/strict';
import { announced, attributesOf, EXTENSION_REQUEST, isType } from '../csr-attributes.ts';
import { walk } from '../der.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-12',
  level: 'REC',
  source: 'RFC 9908 section 5.2',
  title: 'What is no extension, such as macAddress, does not stand under extensionRequest',
  test: async (server) => {
    const requests = attributesOf(await announced(server.label('profile')), EXTENSION_REQUEST);
    for (const element of requests.flatMap((values) => [...walk(values)])) {
      const isMacAddress = isType(element, '1.3.6.1.1.1.1.22');
      assert.ok(!isMacAddress, 'macAddress stands under extensionRequest');
    }
    const bare = requests.flatMap(({ children }) => children).filter(({ tag }) => tag === 0x06);
    assert.equal(bare.length, 0, 'number of types alone under extensionRequest');
  },
};
