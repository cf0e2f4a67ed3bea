import assert from 'node:assert/strict';
import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { overPlainHttp } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'AUTH-10',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.3, RFC 8996',
  title: 'Credentials are never asked for over plain HTTP',
  test: async (server) => {
    const body = base64Lines(certificateRequest('conformance-nobody', ecKey()));
    const answer = await overPlainHttp(server, 'simpleenroll', { body });
    const challenge = answer?.headers['www-authenticate'];
    assert.equal(challenge, undefined, `plain HTTP was challenged with ${challenge}`);
    assert.notEqual(answer?.status, 200, 'plain HTTP was answered 200');
  },
};
