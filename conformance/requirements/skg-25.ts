import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { answered, refused } from '../inspect-answer.ts';
import { asksForKey } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-25',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2, RFC 8951 section 5.2',
  title: 'A refusal is 4xx with text for a person, and has no key in it',
  test: async (server) => {
    const view = server.label('server-keys');
    const { device, ...applicant } = await view.applicant();
    const { device: other } = await view.newcomer();
    const request = certificateRequest(device, ecKey());
    const post = (der: Buffer) => view.post('serverkeygen', der, applicant);
    const refusals = {
      'the name of another device': await post(certificateRequest(other, ecKey())),
      'a request that is cut off': await post(request.subarray(0, -10)),
      'a body that is no base64': await view.fetch('serverkeygen', { ...applicant, body: '{}' }),
    };
    for (const [what, answer] of Object.entries(refusals)) {
      refused(answer, '4xx', what);
      assert.match(answer.headers['content-type'] ?? 'none', /^text\/plain/i, what);
      assert.match(answer.body.toString(), /[a-z]{3}/i, `${what}: no text`);
    }
    answered(await asksForKey(view), 200, 'a request in good order');
  },
};
