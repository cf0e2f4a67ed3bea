import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readCmcAnswer, STATUS } from '../cmc-answer.ts';
import { asksByCmc, CONTROL, control } from '../cmc-request.ts';
import { octetString } from '../der-writer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-09',
  level: 'MUST',
  source: 'RFC 5272 section 6.1.1',
  title: 'CMCStatusInfoV2 names the parts it is about, and failInfo only if they failed',
  test: async (server) => {
    const view = server.label('cmc');
    const nonce = control(100, CONTROL.senderNonce, octetString(randomBytes(16)));
    const answers = {
      'a success': await asksByCmc(view, [nonce]),
      'a refusal': await asksByCmc(view, [nonce], { spoilSignature: true }),
    };
    for (const [what, answer] of Object.entries(answers)) {
      const { statuses } = readCmcAnswer(answer, what);
      assert.ok(statuses.length > 0, `${what}: there is no CMCStatusInfoV2`);
      for (const { status, bodyList, failInfo, otherInfo } of statuses) {
        assert.ok(bodyList.length > 0, `${what}: bodyList is empty`);
        if (status === STATUS.failed) assert.ok(failInfo !== undefined, `${what}: no failInfo`);
        else assert.equal(otherInfo.length, 0, `${what}: there is otherInfo with status ${status}`);
      }
    }
  },
};
