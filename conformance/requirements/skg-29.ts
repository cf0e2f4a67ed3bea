import { refused } from '../inspect-answer.ts';
import { asksWith, encryptedDelivery, everything, identifier } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-29',
  level: 'REC',
  source: 'RFC 7030 section 4.4.1',
  title: 'A request that names a shared key and a public key is ambiguous, and refused',
  test: async (server) => {
    const named: Buffer[] = [];
    for (const protection of ['shared', 'rsa'] as const) {
      const { recipient } = await encryptedDelivery(server, protection);
      named.push(identifier(recipient.type, recipient.id));
    }
    const view = server.label('encrypted-keys');
    refused(await asksWith(view, ...named, everything()), [400], 'both identifiers');
  },
};
