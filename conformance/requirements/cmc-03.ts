import { grantedByCmc, refusedByCmc } from '../cmc-answer.ts';
import { asksByCmc } from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-03',
  level: 'MUST',
  source: 'RFC 5272 section 3.2',
  title: 'A request is a SignedData of PKIData, and of nothing else',
  test: async (server) => {
    const view = server.label('cmc');
    const types = { data: '1.2.840.113549.1.7.1', PKIResponse: '1.3.6.1.5.5.7.12.3' };
    for (const [what, type] of Object.entries(types)) {
      refusedByCmc(await asksByCmc(view, [], { type }), `the same content as ${what}`);
    }
    grantedByCmc(await asksByCmc(view), 'as PKIData');
  },
};
