import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { grantedByCmc } from '../cmc-answer.ts';
import { pkiData, sendCmc, signedByDevice, tagged } from '../cmc-request.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-01',
  level: 'OPT',
  source: 'RFC 7030 section 4.3',
  title: '/fullcmc is there and answers a request in good order, or it is answered 404 or 501',
  test: async (server) => {
    const device = await server.sharedDevice();
    const requests = [tagged(1, certificateRequest(device.device, ecKey()))];
    const answer = await sendCmc(server, signedByDevice(device, pkiData({ requests })));
    if (answer.status === 404 || answer.status === 501) return;
    const certificates = grantedByCmc(answer, 'a Full PKI Request in good order');
    const issued = certificates.find(({ subject }) => subject === device.certificate.subject);
    assert.ok(issued, 'the answer has no certificate for the device');
  },
};
