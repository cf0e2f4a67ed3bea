import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { grantedByCmc, refusedByCmc } from '../cmc-answer.ts';
import { asksByCmc, pkiData, sendCmc, signedByDevice, tagged } from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-08',
  level: 'MUST',
  source: 'RFC 7030 section 4.3.2',
  title: 'Each refusal has an error status, and a CMC response that says what failed',
  test: async (server) => {
    const view = server.label('cmc');
    const device = await view.sharedDevice();
    const { device: other } = await view.newcomer();
    const ask = (name: string) =>
      pkiData({ requests: [tagged(7, certificateRequest(name, ecKey()))] });
    const foreign = await sendCmc(view, signedByDevice(device, ask(other)));
    const about = refusedByCmc(foreign, 'a request for the name of another device');
    const named = about.some(({ bodyList }) => bodyList.includes(7));
    assert.ok(named, 'the status is not about the request that failed');
    const spoiled = await asksByCmc(view, [], { spoilSignature: true });
    refusedByCmc(spoiled, 'a broken signature');
    grantedByCmc(await asksByCmc(view), 'a message in good order');
  },
};
