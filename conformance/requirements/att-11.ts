import assert from 'node:assert/strict';
import { announced, attributesOf, isType } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'ATT-11',
  level: 'MUST',
  source: 'RFC 9908 section 3.2',
  title: 'A key is asked for by one Attribute of its type, with its curve if that matters',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    const keys = attributesOf(list, '1.2.840.10045.2.1');
    if (keys.length === 0) skip('no EC key is announced in the list');
    assert.equal(keys.length, 1, 'number of Attributes of type id-ecPublicKey');
    const curves = keys.flatMap(({ children }) => children);
    const right = curves.length === 1 && isType(curves[0], '1.3.132.0.34');
    const values = curves.map(({ encoded }) => encoded.toString('hex')).join();
    assert.ok(right, `values: expected secp384r1 alone, got ${values || 'none'}`);
  },
};
