import { plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-07',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2',
  title: 'The answer is multipart/mixed with a part for the key and one for the certificate',
  test: async (server) => {
    await plainDelivery(server);
  },
};
