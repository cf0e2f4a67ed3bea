import assert from 'node:assert/strict';
import { isType, profileTemplate } from '../csr-attributes.ts';
import { TAG } from '../der.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-16',
  level: 'MUST',
  source: 'RFC 9908 section 3.4',
  title: 'A key that is demanded is the subjectPKInfo of the template, under an implicit tag',
  test: async (server) => {
    const { key } = await profileTemplate(server);
    const [algorithm] = key?.children ?? [];
    assert.ok(algorithm, 'there is no subjectPKInfo where the key must be of one kind');
    assert.equal(algorithm.tag, TAG.sequence, 'the first element under [0] is no SEQUENCE');
    const [type, curve] = algorithm.children;
    assert.ok(isType(type, '1.2.840.10045.2.1'), 'the key is no id-ecPublicKey');
    assert.ok(isType(curve, '1.3.132.0.34'), 'the curve is not secp384r1');
  },
};
