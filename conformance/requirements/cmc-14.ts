import { FAIL_INFO, grantedByCmc, refusedByCmc } from '../cmc-answer.ts';
import { provenBySecret, sendCmc } from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-14',
  level: 'MUST',
  source: 'RFC 5272 sections 6.2 and 6.3',
  title: 'A shared secret proves identity by identityProofV2 and possession by popLinkWitnessV2',
  test: async (server) => {
    const view = server.label('cmc');
    const { credential } = await view.newcomer();
    const { credential: other } = await view.newcomer();
    const faulty = {
      'a proof by another secret': { identitySecret: other.password, linkSecret: other.password },
      'the right proof, a link by another secret': { linkSecret: other.password },
    };
    for (const [what, proof] of Object.entries(faulty)) {
      const info = 'identitySecret' in proof ? FAIL_INFO.badIdentity : FAIL_INFO.popFailed;
      refusedByCmc(await sendCmc(view, provenBySecret(credential, proof)), what, [info]);
    }
    grantedByCmc(await sendCmc(view, provenBySecret(credential)), 'both by the shared secret');
  },
};
