import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { grantedByCmc, refusedByCmc } from '../cmc-answer.ts';
import { asksByCmc, sendCmc } from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-02',
  level: 'MUST',
  source: 'RFC 7030 section 4.3.1',
  title: 'What is no Full PKI Request is refused',
  test: async (server) => {
    const view = server.label('cmc');
    const { device, client } = await view.sharedDevice();
    const request = certificateRequest(device, ecKey());
    refusedByCmc(await sendCmc(view, request, { client }), 'a PKCS#10 request');
    refusedByCmc(await sendCmc(view, Buffer.from('0500', 'hex'), { client }), 'NULL');
    refusedByCmc(await sendCmc(view, Buffer.from('text'), { client }), 'what is no DER');
    grantedByCmc(await asksByCmc(view), 'a Full PKI Request in good order');
  },
};
