import assert from 'node:assert/strict';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-08',
  level: 'REC',
  source: 'libest issue 100, strongSwan up to 5.9.10',
  title: 'Base64 answers are cut so that the known clients can read them',
  test: async (server) => {
    const answer = await server.fetch('cacerts');
    const text = answer.body.toString('latin1');
    assert.ok(text.endsWith('\n'), '/cacerts does not end with a line end');
    const lines = text.trimEnd().split(/\r?\n/);
    const longest = Math.max(...lines.map((line) => line.length));
    assert.ok(longest <= 1023, `a line of ${longest} characters is more than OpenSSL reads`);
    const bare = { 'User-Agent': '', Accept: '', Connection: '' };
    const { body } = await server.fetch('cacerts', { headers: bare });
    const oneLine = !body.toString('latin1').trimEnd().includes('\n');
    assert.ok(oneLine, 'a client with the signature of strongSwan gets more than one line');
  },
};
