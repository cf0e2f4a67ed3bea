import assert from 'node:assert/strict';
import { overPlainHttp } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-01',
  level: 'MUST',
  source: 'RFC 7030 section 3.3',
  title: 'Plain HTTP on the EST port gives no EST answer',
  test: async (server) => {
    const answer = await overPlainHttp(server, 'cacerts');
    assert.notEqual(answer?.status, 200, 'GET /cacerts over plain HTTP was answered 200');
  },
};
