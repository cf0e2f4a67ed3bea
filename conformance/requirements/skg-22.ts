import assert from 'node:assert/strict';
import { encryptedDelivery, openEnvelope } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-22',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2, RFC 5652 section 6.2.2, RFC 5753 section 3.1.1',
  title: 'Under an EC key: KeyAgreeRecipientInfo, version 3, with an ephemeral key',
  test: async (server) => {
    for (const protection of ['p256', 'p384'] as const) {
      const delivery = await encryptedDelivery(server, protection);
      const { tag, children } = delivery.envelope.recipientInfo;
      assert.equal(tag, 0xa1, `${protection}: the tag of the RecipientInfo is not that of kari`);
      const [version, originator] = children;
      assert.equal(version?.encoded.toString('hex'), '020103', `${protection}: version`);
      assert.equal(originator?.children[0]?.tag, 0xa1, `${protection}: no originatorKey`);
      const recipients = children.at(-1)?.children ?? [];
      assert.equal(recipients.length, 1, `${protection}: number of recipients`);
      const named = recipients[0]?.children[0]?.tag ?? 0;
      assert.ok([0x30, 0xa0].includes(named), `${protection}: the recipient is not named`);
      await openEnvelope(delivery);
    }
  },
};
