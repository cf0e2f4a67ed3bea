import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import { subjectName } from '../inspect-certificate.ts';
import { relayedDevice } from '../registration-authority.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RA-06',
  level: 'REC',
  source: 'RFC 7030 section 4.2.2',
  title: 'A registration authority renews the certificate of a device, not its own',
  test: async (server) => {
    const { device, client } = await relayedDevice(server);
    const send = (operation: string, request: Buffer) =>
      server.post(operation, request, { client });
    const first = issuedCertificate(
      await send('simpleenroll', certificateRequest(device, ecKey())),
      'a device enrolled by its registration authority',
    );
    const renewed = issuedCertificate(
      await send('simplereenroll', renewalRequest(first, ecKey())),
      'the same device renewed by it',
    );
    assert.ok(subjectName(renewed).equals(subjectName(first)), 'the subject is another');
    const unknown = `${device}-unknown`;
    const answer = await send('simplereenroll', certificateRequest(unknown, ecKey()));
    refused(answer, '4xx', 'the renewal of a certificate that is not there');
  },
};
