import assert from 'node:assert/strict';
import { objectIdentifier } from '../der-writer.ts';
import {
  AES_192_CBC,
  AES_192_GCM,
  AES_256_CBC,
  AES_256_GCM,
  encryptedDelivery,
} from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-23',
  level: 'SHOULD',
  source: 'RFC 7030 section 4.4.2',
  title: 'The content is encrypted no more weakly than its key',
  test: async (server) => {
    const strong = {
      shared: [AES_256_CBC, AES_256_GCM],
      p384: [AES_192_CBC, AES_192_GCM, AES_256_CBC, AES_256_GCM],
    };
    for (const protection of ['shared', 'p384'] as const) {
      const { envelope } = await encryptedDelivery(server, protection);
      const chosen = envelope.contentEncryption?.encoded ?? Buffer.alloc(0);
      const enough = strong[protection].some((type) => objectIdentifier(type).equals(chosen));
      assert.ok(enough, `${protection}: the content is under ${chosen.toString('hex')}`);
    }
  },
};
