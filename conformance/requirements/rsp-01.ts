import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { publicKeyInfo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-01',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3, RFC 5273 section 4',
  title: 'A successful enrollment is answered 200',
  test: async (server) => {
    const { device, credential } = await server.newcomer();
    const key = ecKey();
    const answer = await server.post('simpleenroll', certificateRequest(device, key), {
      credential,
    });
    const issued = issuedCertificate(answer, 'POST /simpleenroll with a fresh password');
    assert.ok(publicKeyInfo(issued).equals(key.publicKey), 'the certificate is for another key');
    assert.ok(
      issued.subject.split('\n').includes(`CN=${device}`),
      `the subject is ${issued.subject}`,
    );
  },
};
