import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-28',
  level: 'REC',
  source: 'RFC 9111 section 5.2.2',
  title: 'The answer of a label is the same each time, and may be kept for a while',
  test: async (server) => {
    const view = server.label('profile');
    const [first, second] = [await view.fetch('csrattrs'), await view.fetch('csrattrs')];
    answered(first, 200, 'GET /csrattrs');
    assert.deepEqual(second.body, first.body, 'two answers differ');
    const { headers } = first;
    const age = /\bmax-age=(\d+)/i.exec(headers['cache-control'] ?? '')?.[1];
    assert.ok(Number(age) > 0, `Cache-Control: ${headers['cache-control'] ?? 'none'}`);
  },
};
