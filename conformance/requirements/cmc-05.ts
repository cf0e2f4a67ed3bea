import { FAIL_INFO, grantedByCmc, refusedByCmc } from '../cmc-answer.ts';
import { asksByCmc } from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-05',
  level: 'MUST',
  source: 'RFC 5652 sections 5.4 and 11',
  title: 'Signature, message digest and content type of a request are verified',
  test: async (server) => {
    const view = server.label('cmc');
    const faulty = {
      'a digest of other content': { digest: Buffer.alloc(32, 0x5a) },
      'a content type that is another': { signedType: '1.2.840.113549.1.7.1' },
      'a signature that does not verify': { spoilSignature: true },
    };
    for (const [what, changes] of Object.entries(faulty)) {
      const answer = await asksByCmc(view, [], changes);
      refusedByCmc(answer, what, [FAIL_INFO.badMessageCheck, FAIL_INFO.badRequest]);
    }
    grantedByCmc(await asksByCmc(view), 'a message in good order');
  },
};
