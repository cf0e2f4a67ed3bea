import assert from 'node:assert/strict';
import type { BestowServer } from './bestow.ts';
import type { EstAnswer } from './est-client.ts';
import { eventually } from './eventually.ts';

/** Asserts the status, and that it was for this reason: with 401 the log alone tells. */
export async function assertRefused(
  server: BestowServer,
  answer: EstAnswer,
  status: number,
  reason: RegExp,
): Promise<void> {
  assert.equal(answer.status, status, answer.body);
  if (status === 401) {
    assert.equal(answer.body, '');
    assert.match(answer.headers['www-authenticate'] ?? '', /realm="EST"/);
  }
  const requestId = answer.headers['x-request-id'];
  const [line = assert.fail()] = await eventually(() => {
    const lines = server.logLines({ msg: 'request', requestId });
    return lines.length > 0 && lines;
  });
  assert.match(String(line.reason), reason);
}
