import assert from 'node:assert/strict';
import { plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-10',
  level: 'MUST',
  source: 'RFC 2046 section 5.1.1',
  title: 'The lines of the multipart body end with CRLF, and the last delimiter with two hyphens',
  test: async (server) => {
    const { answer } = await plainDelivery(server);
    const text = answer.body.toString('latin1');
    // What came holds a private key: it is not to be printed.
    const bare = text.search(/(?<!\r)\n|\r(?!\n)/);
    assert.equal(bare, -1, 'offset of a line end that is no CRLF');
    const [, boundary = ''] =
      /boundary="?([^";]+)/i.exec(answer.headers['content-type'] ?? '') ?? [];
    const delimiters = text.split('\r\n').filter((line) => line.startsWith(`--${boundary}`));
    const expected = [`--${boundary}`, `--${boundary}`, `--${boundary}--`];
    assert.deepEqual(
      delimiters.map((line) => line.trimEnd()),
      expected,
      'delimiter lines',
    );
  },
};
