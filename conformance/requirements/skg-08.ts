import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-08',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2, RFC 8951 section 3.2.4',
  title: 'A key without encryption is application/pkcs8, the base64 of a PrivateKeyInfo',
  test: async (server) => {
    const { keyPart, key } = await plainDelivery(server);
    assert.match(keyPart.headers['content-type'] ?? 'none', /^application\/pkcs8 *(;|$)/i);
    createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  },
};
