import assert from 'node:assert/strict';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-10',
  level: 'MUST',
  source: 'RFC 9110 section 9.1',
  title: 'HEAD is supported where GET is',
  test: async (server) => {
    const { socket, answers } = await server.connect();
    socket.write(
      server.encode('cacerts', { method: 'HEAD', headers: { Connection: 'keep-alive' } }),
    );
    answered(await answers.next('HEAD'), 200, 'HEAD /cacerts');
    // Were there a body after all, it would be read here as the head of the next answer.
    socket.write(server.encode('cacerts'));
    const next = await answers.next().catch(() => undefined);
    socket.destroy();
    assert.ok(next === undefined || next.status === 200, 'HEAD was answered with a body');
    const attributes = await server.fetch('csrattrs');
    const head = await server.fetch('csrattrs', { method: 'HEAD' });
    answered(head, attributes.status, 'HEAD /csrattrs');
  },
};
