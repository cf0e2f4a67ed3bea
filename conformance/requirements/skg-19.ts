import assert from 'node:assert/strict';
import { encryptedDelivery } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-19',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2',
  title: 'An encrypted key is application/pkcs7-mime; smime-type=server-generated-key',
  test: async (server) => {
    for (const protection of ['shared', 'rsa', 'p256'] as const) {
      const { keyPart } = await encryptedDelivery(server, protection);
      const type = keyPart.headers['content-type'] ?? 'none';
      assert.match(type, /^application\/pkcs7-mime *;.*smime-type="?server-generated-key"?/i);
    }
  },
};
