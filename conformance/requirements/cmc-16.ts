import assert from 'node:assert/strict';
import { ecKey } from '../certificate-requests.ts';
import { grantedByCmc, readCmcAnswer, STATUS } from '../cmc-answer.ts';
import {
  CONTROL,
  control,
  identifiedRequest,
  pkiData,
  sendCmc,
  signedByKey,
  tagged,
} from '../cmc-request.ts';
import { octetString } from '../der-writer.ts';
import type { HttpAnswer } from '../http-answer.ts';
import { publicKeyInfo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-16',
  level: 'MUST',
  source: 'RFC 5272 sections 6.1.1 and 6.13',
  title: 'A request that waits is pending with a token, by which queryPending asks for it',
  test: async (server) => {
    const view = server.label('approval');
    const { device, credential } = await view.newcomer();
    const key = ecKey();
    const send = (content: Buffer) => sendCmc(view, signedByKey(key, content), { credential });
    const requests = [tagged(1, identifiedRequest(device, key))];
    const token = tokenIn(await send(pkiData({ requests })), 'the request');
    const query = () =>
      send(pkiData({ controls: [control(9, CONTROL.queryPending, octetString(token))] }));
    tokenIn(await query(), 'a query before anyone decided');
    await view.commands.decide('approve', device);
    const certificates = grantedByCmc(await query(), 'a query after the approval');
    const issued = certificates.some((each) => publicKeyInfo(each).equals(key.publicKey));
    assert.ok(issued, 'the answer to the query has no certificate for the key');
  },
};

function tokenIn(answer: HttpAnswer, what: string): Buffer {
  assert.ok(answer.status < 400, `${what}: answered ${answer.status}`);
  const { statuses } = readCmcAnswer(answer, what);
  const [pending] = statuses.filter(({ status }) => status === STATUS.pending);
  assert.ok(pending?.pendToken, `${what}: no status is pending with a token`);
  return pending.pendToken;
}
