import assert from 'node:assert/strict';
import { objectIdentifier } from '../der-writer.ts';
import { refused } from '../inspect-answer.ts';
import {
  asksWith,
  encryptedDelivery,
  identifier,
  keyEncryption,
  offeredAlgorithms,
  onlyTripleDes,
} from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-17',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.1',
  title: 'The key is encrypted only by an algorithm that SMIMECapabilities name',
  test: async (server) => {
    const view = server.label('encrypted-keys');
    for (const protection of ['shared', 'rsa', 'p256'] as const) {
      const { envelope, recipient } = await encryptedDelivery(server, protection);
      const chosen = keyEncryption(envelope)?.children[0]?.encoded;
      const named = offeredAlgorithms
        .map((offered) => objectIdentifier(typeof offered === 'string' ? offered : offered[0]))
        .some((type) => chosen && type.equals(chosen));
      assert.ok(named, `${protection}: ${chosen?.toString('hex')} was not offered`);
      const key = identifier(recipient.type, recipient.id);
      const without = await asksWith(view, key);
      refused(without, '4xx', `${protection}: a request without SMIMECapabilities`);
      const weak = await asksWith(view, key, onlyTripleDes());
      refused(weak, '4xx', `${protection}: a request that names triple DES alone`);
    }
  },
};
