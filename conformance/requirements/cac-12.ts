import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-12',
  level: 'REC',
  source: 'RFC 9110 section 13',
  title: '/cacerts stays the same between changes, and an ETag is honoured',
  test: async (server) => {
    const first = await server.fetch('cacerts');
    const second = await server.fetch('cacerts');
    assert.ok(first.body.equals(second.body), 'two answers differ');
    const tag = first.headers.etag;
    if (tag === undefined) return;
    const again = await server.fetch('cacerts', { headers: { 'If-None-Match': tag } });
    answered(again, 304, `If-None-Match: ${tag}`);
  },
};
