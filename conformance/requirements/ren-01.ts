import assert from 'node:assert/strict';
import { ecKey, withBrokenSignature } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-01',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.2',
  title: '/simplereenroll takes and answers what /simpleenroll does',
  test: async (server) => {
    const { certificate, client } = await server.sharedDevice();
    const renewal = renewalRequest(certificate, ecKey());
    const answer = await server.post('simplereenroll', renewal, { client });
    issuedCertificate(answer, 'POST /simplereenroll');
    const type = answer.headers['content-type'] ?? '';
    assert.match(type, /^application\/pkcs7-mime;.*certs-only/i, `Content-Type is "${type}"`);
    const broken = await server.post('simplereenroll', withBrokenSignature(renewal), { client });
    refused(broken, [400], 'a renewal request with a broken signature');
  },
};
