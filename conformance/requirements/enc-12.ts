import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-12',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3, RFC 5273 section 3',
  title: 'Enrollment answers are application/pkcs7-mime with smime-type=certs-only',
  test: async (server) => {
    const { certificate, client, key, device } = await server.sharedDevice();
    const request = certificateRequest(device, ecKey());
    const renewal = renewalRequest(certificate, key);
    for (const answer of [
      await server.post('simpleenroll', request, { client }),
      await server.post('simplereenroll', renewal, { client }),
    ]) {
      const type = answer.headers['content-type'] ?? '';
      answered(answer, 200, 'enrollment');
      const wanted = /^application\/pkcs7-mime\s*;(.*;)?\s*smime-type="?certs-only"?\s*(;|$)/i;
      assert.match(type, wanted, `Content-Type is "${type}"`);
    }
  },
};
