import { randomBytes } from 'node:crypto';
import { refused } from '../inspect-answer.ts';
import {
  asksWith,
  encryptedDelivery,
  everything,
  identifier,
  openEnvelope,
  PUBLIC_KEY_IDENTIFIER,
} from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-15',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.1.2',
  title:
    'AsymmetricDecryptKeyIdentifier selects a public key, and one that is not known is refused',
  test: async (server) => {
    await openEnvelope(await encryptedDelivery(server, 'rsa'));
    const view = server.label('encrypted-keys');
    const unknown = identifier(PUBLIC_KEY_IDENTIFIER, randomBytes(8));
    refused(await asksWith(view, unknown, everything()), '4xx', 'an identifier nobody registered');
  },
};
