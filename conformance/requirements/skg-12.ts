import assert from 'node:assert/strict';
import { publicKeyInfo } from '../inspect-certificate.ts';
import { asksForKey, delivered, isKeyOf, plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-12',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2',
  title: 'The private key is that of the certificate, and of no other',
  test: async (server) => {
    const first = await plainDelivery(server);
    await isKeyOf(first.key, first.certificate);
    const answer = await asksForKey(server.label('server-keys'));
    const second = delivered(answer, first.request, 'a second request');
    await isKeyOf(second.key, second.certificate);
    const [one, other] = [first, second].map(({ certificate }) => publicKeyInfo(certificate));
    assert.notDeepEqual(one, other, 'two requests got the same key');
  },
};
