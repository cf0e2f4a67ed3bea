import { answered, issuedCertificate, refused } from '../inspect-answer.ts';
import { approvedRequest, rejectedRequest } from '../pending-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-09',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3',
  title: 'A repeated request is recognized, and answered as a person has decided',
  test: async (server) => {
    const { first, remade } = await approvedRequest(server);
    answered(first, 202, 'before the decision');
    issuedCertificate(remade, 'after the approval');
    const { first: waiting, rejected } = await rejectedRequest(server);
    answered(waiting, 202, 'before the decision');
    refused(rejected, '4xx', 'after the rejection');
  },
};
