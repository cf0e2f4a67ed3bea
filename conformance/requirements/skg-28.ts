import { refused } from '../inspect-answer.ts';
import { asksWith, encryptedDelivery, everything } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-28',
  level: 'REC',
  source: 'RFC 7030 section 6',
  title: 'A server can be set to send keys only encrypted, and then sends no other',
  test: async (server) => {
    await encryptedDelivery(server, 'shared');
    const view = server.label('encrypted-keys');
    refused(await asksWith(view), '4xx', 'a request that names no key to encrypt with');
    refused(await asksWith(view, everything()), '4xx', 'a request with SMIMECapabilities alone');
  },
};
