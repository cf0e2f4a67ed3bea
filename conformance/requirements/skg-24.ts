import assert from 'node:assert/strict';
import { encryptedDelivery } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-24',
  level: 'MUST',
  source: 'RFC 5652 section 6.1',
  title: 'EnvelopedData has version 2, or 0 if its recipient has version 0',
  test: async (server) => {
    for (const protection of ['shared', 'rsa', 'p256'] as const) {
      const { version, recipientInfo } = (await encryptedDelivery(server, protection)).envelope;
      const isOldest = recipientInfo.children[0]?.encoded.toString('hex') === '020100';
      const expected = isOldest ? '020100' : '020102';
      assert.equal(version.encoded.toString('hex'), expected, `${protection}: version`);
    }
  },
};
