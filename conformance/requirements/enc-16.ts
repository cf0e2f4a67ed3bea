import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { grantedByCmc } from '../cmc-answer.ts';
import { CMC_REQUEST, pkiData, sendCmc, signedByDevice, tagged } from '../cmc-request.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-16',
  level: 'MUST',
  source: 'RFC 7030 section 4.3.1',
  title: 'A request to /fullcmc is application/pkcs7-mime; smime-type=CMC-request',
  test: async (server) => {
    const view = server.label('cmc');
    const device = await view.sharedDevice();
    const requests = [tagged(1, certificateRequest(device.device, ecKey()))];
    const message = signedByDevice(device, pkiData({ requests }));
    const send = (type: string) => sendCmc(view, message, { headers: { 'Content-Type': type } });
    for (const type of [
      'application/pkcs7-mime; smime-type=certs-only',
      'application/pkcs7-mime; smime-type=CMC-response',
      'application/pkcs10',
      'text/plain',
    ]) {
      refused(await send(type), '4xx', type);
    }
    grantedByCmc(await send(CMC_REQUEST), CMC_REQUEST);
  },
};
