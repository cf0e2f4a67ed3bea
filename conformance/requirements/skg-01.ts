import { answered, refused } from '../inspect-answer.ts';
import { asksForKey } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'SKG-01',
  level: 'OPT',
  source: 'RFC 7030 sections 4.4 and 6',
  title: 'Keys are made by the server only where that was asked for',
  test: async (server) => {
    const offering = server.label('server-keys');
    if (offering.pathLabel === server.pathLabel) skip('--label and --server-keys-label are one');
    answered(await asksForKey(offering), 200, 'under the label with keys made by the server');
    refused(await asksForKey(server), [403, 404, 501], 'under the label without');
  },
};
