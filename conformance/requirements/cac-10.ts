import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { decodeBase64, signedData } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-10',
  level: 'REC',
  source: 'RFC 5652 section 5.1',
  title: '/cacerts holds certification authorities only, each once, and no CRLs',
  test: async (server) => {
    const { body } = await server.fetch('cacerts');
    const { certificates, others } = signedData(decodeBase64(body));
    const bag = certificates.map(({ encoded }) => new X509Certificate(encoded));
    for (const each of bag) assert.ok(each.ca, `${each.subject} is not a CA`);
    assert.equal(new Set(bag.map((each) => each.fingerprint256)).size, bag.length, 'a duplicate');
    assert.equal(others.length, 0, 'there is more than certificates');
  },
};
