import assert from 'node:assert/strict';
import { encryptedDelivery } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-20',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2, RFC 5652 section 6.2.3',
  title: 'Under a shared key: KEKRecipientInfo, version 4, with the identifier of the request',
  test: async (server) => {
    const { envelope, recipient } = await encryptedDelivery(server, 'shared');
    const { tag, children } = envelope.recipientInfo;
    assert.equal(tag, 0xa2, 'the tag of the RecipientInfo is not that of kekri');
    const [version, keyIdentifier] = children;
    assert.equal(version?.encoded.toString('hex'), '020104', 'version');
    const sent = keyIdentifier?.children[0]?.contents.toString('hex');
    assert.equal(sent, recipient.id.toString('hex'), 'keyIdentifier');
  },
};
