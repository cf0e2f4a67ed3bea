import { randomBytes } from 'node:crypto';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { FAIL_INFO, grantedByCmc, refusedByCmc } from '../cmc-answer.ts';
import {
  identifiedRequest,
  keyIdentifier,
  pkiData,
  sendCmc,
  signedByKey,
  tagged,
} from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-04',
  level: 'MUST',
  source: 'RFC 5272 section 3.2',
  title: 'A signer without a certificate is the key of a request inside, by its identifier',
  test: async (server) => {
    const view = server.label('cmc');
    const { device, credential } = await view.newcomer();
    const key = ecKey();
    const expected = [FAIL_INFO.badMessageCheck, FAIL_INFO.badRequest];
    const content = pkiData({ requests: [tagged(1, identifiedRequest(device, key))] });
    const unnamed = pkiData({ requests: [tagged(1, certificateRequest(device, key))] });
    const faulty = {
      'an identifier of no request': signedByKey(key, content, randomBytes(20)),
      'a request without the identifier': signedByKey(key, unnamed),
      'another key under that identifier': signedByKey(ecKey(), content, keyIdentifier(key)),
    };
    for (const [what, message] of Object.entries(faulty)) {
      refusedByCmc(await sendCmc(view, message, { credential }), what, expected);
    }
    const answer = await sendCmc(view, signedByKey(key, content), { credential });
    grantedByCmc(answer, 'the key of the request, by its identifier');
  },
};
