import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { asksByCmc, CONTROL, control } from '../cmc-request.ts';
import { octetString } from '../der-writer.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-17',
  level: 'MUST',
  source: 'RFC 7030 section 4.3.2',
  title: 'An answer of /fullcmc is application/pkcs7-mime, certs-only or CMC-response',
  test: async (server) => {
    const view = server.label('cmc');
    const nonce = control(100, CONTROL.senderNonce, octetString(randomBytes(16)));
    for (const controls of [[], [nonce]]) {
      const answer = await asksByCmc(view, controls);
      answered(answer, 200, 'a message in good order');
      const type = answer.headers['content-type'] ?? 'none';
      const form = controls.length > 0 ? 'CMC-response' : '(certs-only|CMC-response)';
      const expected = new RegExp(`^application/pkcs7-mime *;.*smime-type="?${form}"?`, 'i');
      assert.match(type, expected, `Content-Type with ${controls.length} controls`);
    }
  },
};
