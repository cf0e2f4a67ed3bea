import assert from 'node:assert/strict';
import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-22',
  level: 'MUST',
  source: 'RFC 9110 section 10.1.1',
  title: 'Expect: 100-continue is honoured',
  test: async (server) => {
    const { device, client, credential } = await server.applicant();
    const body = base64Lines(certificateRequest(device, ecKey()));
    const request = server.encode('simpleenroll', {
      body,
      headers: { Expect: '100-continue' },
      ...(credential ? { credential } : {}),
    });
    const bodyStart = request.length - body.length;
    const { socket, answers } = await server.connect(client);
    socket.write(request.subarray(0, bodyStart));
    const first = await answers.firstStatus();
    assert.ok(first === 100 || first >= 400, `the first status was ${first}`);
    socket.write(request.subarray(bodyStart));
    const answer = await answers.next('POST');
    socket.destroy();
    issuedCertificate(answer, 'the request whose body came after 100 (Continue)');
  },
};
