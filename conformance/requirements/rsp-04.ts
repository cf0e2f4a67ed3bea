import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { certificateRequest, ecKey, withBrokenSignature } from '../certificate-requests.ts';
import { refusesRequest } from '../flows.ts';
import { refused } from '../inspect-answer.ts';
import { refusals } from '../refusals.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-04',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.3, RFC 8951 section 5.1',
  title: 'A refusal is readable text unless it says otherwise',
  test: async (server) => {
    for (const { what, answer } of await refusals(server)) {
      refused(answer, '4xx', what);
      if (answer.status === 401) continue;
      const { body, headers } = answer;
      assert.ok(isUtf8(body) && !body.includes(0), `${what}: the body is not text`);
      const speaks = headers['content-type'] !== undefined || body.toString().trim().length > 0;
      assert.ok(speaks, `${what}: neither a reason nor a Content-Type`);
    }
    const bad = await refusesRequest(server, 'a broken signature', (device) =>
      withBrokenSignature(certificateRequest(device, ecKey())),
    );
    assert.match(bad.body.toString(), /[a-z]{3,} [a-z]/i, 'the refusal gives no reason in words');
  },
};
