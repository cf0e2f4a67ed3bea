import { linkedBy, postBound, secondFinished, tlsUnique } from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';
import { obtainSession, offerSession } from '../tls-sessions.ts';

export const requirement: Requirement = {
  id: 'POP-04',
  level: 'MUST',
  source: 'RFC 5929 section 3.1',
  title: 'tls-unique is the first Finished message of the handshake, full or resumed',
  test: async (server) => {
    const first = await postBound(server, { attributes: linkedBy(tlsUnique) });
    answered(first, 200, 'the Finished of the client after a full handshake');
    const second = await postBound(server, { attributes: linkedBy(secondFinished) });
    refused(second, '4xx', 'the Finished of the server after a full handshake');

    // A server that resumes nothing has shown all that it has to.
    const { client, ...applicant } = await server.applicant();
    const session = await obtainSession(server, 'TLSv1.2', client);
    if (session === undefined) return;
    for (const [value, status] of [
      [tlsUnique, 200],
      [secondFinished, '4xx'],
    ] as const) {
      const connection = await offerSession(server, 'TLSv1.2', session, client);
      if (!connection.resumed) {
        connection.socket.destroy();
        return;
      }
      const attributes = linkedBy(value);
      const answer = await postBound(server, { applicant, connection, attributes });
      if (status === 200) answered(answer, 200, 'the Finished of the server after a resumption');
      else refused(answer, status, 'the Finished of the client after a resumption');
    }
  },
};
