import assert from 'node:assert/strict';
import { plainDelivery } from '../key-delivery.ts';
import { bodyParts } from '../multipart.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-11',
  level: 'REC',
  source: 'RFC 7030 appendix A.4',
  title: 'The key comes first, and each part names its encoding, base64',
  test: async (server) => {
    const { answer, keyPart } = await plainDelivery(server);
    const parts = bodyParts(answer);
    const isFirst = parts[0]?.body.equals(keyPart.body);
    assert.ok(isFirst, `the first part is ${parts[0]?.headers['content-type']}`);
    for (const { headers } of parts) {
      const encoding = headers['content-transfer-encoding'] ?? 'none';
      assert.equal(encoding.toLowerCase(), 'base64', `encoding of ${headers['content-type']}`);
    }
  },
};
