import { randomBytes } from 'node:crypto';
import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { bindingOf, CHALLENGE_PASSWORD, challenge } from '../channel-binding.ts';
import { FAIL_INFO, grantedByCmc, refusedByCmc } from '../cmc-answer.ts';
import { CMC_REQUEST, pkiData, sendCmc, signedByDevice, tagged } from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-10',
  level: 'MUST',
  source: 'RFC 7030 section 3.5',
  title: 'A request that is linked to another connection is refused as popFailed',
  test: async (server) => {
    const view = server.label('cmc');
    const device = await view.sharedDevice();
    const linked = (binding: string) => {
      const attributes = [challenge(CHALLENGE_PASSWORD, binding)];
      const requests = [tagged(1, certificateRequest(device.device, ecKey(), { attributes }))];
      return signedByDevice(device, pkiData({ requests }));
    };
    const wrong = await sendCmc(view, linked(randomBytes(12).toString('base64')));
    refusedByCmc(wrong, 'a challengePassword of no connection', [FAIL_INFO.popFailed]);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { socket, answers } = await view.connect({ minVersion: version, maxVersion: version });
      const body = base64Lines(linked(bindingOf(socket)));
      socket.write(view.encode('fullcmc', { body, headers: { 'Content-Type': CMC_REQUEST } }));
      const answer = await answers.next('POST');
      socket.destroy();
      grantedByCmc(answer, `the challengePassword of its connection, ${version}`);
    }
  },
};
