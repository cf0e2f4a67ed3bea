import assert from 'node:assert/strict';
import { parseDer } from '../der.ts';
import { objectIdentifier } from '../der-writer.ts';
import { plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-13',
  level: 'MUST',
  source: 'RFC 5958 section 2',
  title: 'The key has version 1, or 2 with its public key, and an EC key names its curve',
  test: async (server) => {
    const { key } = await plainDelivery(server);
    const [version, algorithm, privateKey, ...rest] = parseDer(key).children;
    assert.equal(privateKey?.tag, 0x04, 'privateKey is no OCTET STRING');
    const withPublicKey = rest.some(({ tag }) => (tag & 0x1f) === 1);
    assert.equal(version?.encoded.toString('hex'), withPublicKey ? '020101' : '020100', 'version');
    const [type, parameters] = algorithm?.children ?? [];
    if (type?.encoded.equals(objectIdentifier('1.2.840.10045.2.1'))) {
      assert.equal(parameters?.tag, 0x06, 'the parameters of the EC key are no named curve');
    }
  },
};
