import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readCmcAnswer, STATUS } from '../cmc-answer.ts';
import { asksByCmc, CONTROL, control } from '../cmc-request.ts';
import { objectIdentifier, octetString } from '../der-writer.ts';
import { answered, decodeBase64 } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';
import { verifiedContent } from '../verify-message.ts';

export const requirement: Requirement = {
  id: 'CMC-07',
  level: 'MUST',
  source: 'RFC 5272 sections 3.2 and 4.2',
  title: 'What certificates alone cannot say is said by a signed PKIResponse',
  test: async (server) => {
    const view = server.label('cmc');
    const nonce = control(100, CONTROL.senderNonce, octetString(randomBytes(16)));
    const granted = await asksByCmc(view, [nonce]);
    answered(granted, 200, 'a message with a nonce');
    const refused = await asksByCmc(view, [], { spoilSignature: true });
    for (const [what, answer, status] of [
      ['a nonce to return', granted, STATUS.success],
      ['a refusal', refused, STATUS.failed],
    ] as const) {
      const { type, statuses } = readCmcAnswer(answer, what);
      assert.ok(
        type?.encoded.equals(objectIdentifier('1.3.6.1.5.5.7.12.3')),
        `${what}: the content is no PKIResponse`,
      );
      assert.equal(statuses[0]?.status, status, `${what}: status`);
      await verifiedContent(server, decodeBase64(answer.body));
    }
  },
};
