import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'RSP-17',
  level: 'REC',
  source: 'RFC 7030 section 3.2, RFC 9112 section 9.3',
  title: 'A connection can be kept, and need not be',
  test: async (server) => {
    const headers = { Connection: 'keep-alive' };
    const { socket, answers } = await server.connect();
    const body = base64Lines(certificateRequest('conformance-nobody', ecKey()));
    socket.write(server.encode('cacerts', { headers }));
    answered(await answers.next(), 200, 'the first request on a connection');
    socket.write(server.encode('simpleenroll', { headers, body }));
    answered(await answers.next(), 401, 'the second, without credentials');
    socket.write(server.encode('cacerts', { headers }));
    answered(await answers.next(), 200, 'the third, after a 401');
    socket.destroy();
    answered(await server.fetch('cacerts'), 200, 'a request that closes its connection');
  },
};
