import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-24',
  level: 'REC',
  source: 'RFC 9110 section 8.6, libest pull request 126',
  title: 'Answers have a Content-Length, and that many octets',
  test: async (server) => {
    const { socket, answers } = await server.connect();
    const headers = { Connection: 'keep-alive' };
    socket.write(server.encode('cacerts', { headers }));
    const answer = await answers.next();
    // A wrong length shows itself in what the next answer on the connection begins with.
    socket.write(server.encode('cacerts', { headers }));
    const second = await answers.next().catch(() => undefined);
    socket.destroy();
    const length = Number(answer.headers['content-length']);
    assert.equal(length, answer.body.length, 'Content-Length of /cacerts');
    assert.ok(
      second === undefined || second.status === 200,
      'octets are left over on the connection',
    );
    const { device, ...applicant } = await server.applicant();
    const enrolled = await server.post(
      'simpleenroll',
      certificateRequest(device, ecKey()),
      applicant,
    );
    const octets = Number(enrolled.headers['content-length']);
    assert.equal(octets, enrolled.body.length, 'Content-Length of /simpleenroll');
  },
};
