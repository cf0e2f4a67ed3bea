import { grantedByCmc } from '../cmc-answer.ts';
import { CONTROL, provenBySecret, sendCmc } from '../cmc-request.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-18',
  level: 'REC',
  source: 'RFC 5272 sections 6.2.1 and 6.3.1.1, against the module of RFC 6402',
  title: 'identityProofV2 is id-cmc 34 and popLinkWitnessV2 is id-cmc 33, and not the other way',
  test: async (server) => {
    const view = server.label('cmc');
    const { credential } = await view.newcomer();
    const swapped = {
      identityArc: CONTROL.popLinkWitnessV2,
      linkArc: CONTROL.identityProofV2,
    };
    const answer = await sendCmc(view, provenBySecret(credential, swapped));
    refused(answer, '4xx', 'proofs with their types swapped');
    grantedByCmc(await sendCmc(view, provenBySecret(credential)), 'the same with the right types');
  },
};
