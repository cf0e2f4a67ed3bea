import assert from 'node:assert/strict';
import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-04',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.1',
  title: 'The request is that of /simpleenroll',
  test: async (server) => {
    const view = server.label('server-keys');
    const { device, ...applicant } = await view.applicant();
    const body = base64Lines(certificateRequest(device, ecKey()));
    const post = (type: string) =>
      view.fetch('serverkeygen', { ...applicant, body, headers: { 'Content-Type': type } });
    answered(await post('application/pkcs10'), 200, 'a PKCS#10 request in good order');
    const { status } = await post('application/pkcs7-mime; smime-type=certs-only');
    assert.ok(status >= 400 && status < 500, `another media type was answered ${status}`);
  },
};
