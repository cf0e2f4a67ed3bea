import assert from 'node:assert/strict';
import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import type { Requirement } from '../requirement.ts';
import { obtainSession, offerSession } from '../tls-sessions.ts';

export const requirement: Requirement = {
  id: 'TLS-20',
  level: 'REC',
  source: 'RFC 7030 section 3.3.2',
  title: 'A resumed session gains no identity, and lends its own to no other device',
  test: async (server) => {
    const { client, certificate, device } = await server.sharedDevice();
    const other = await server.newcomer();
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const anonymous = await obtainSession(server, version);
      const identified = await obtainSession(server, version, client);
      const post = async (session: Buffer | undefined, name: string) => {
        if (session === undefined) return 401;
        const { socket, answers } = await offerSession(server, version, session);
        const body = base64Lines(certificateRequest(name, ecKey()));
        socket.write(server.encode('simpleenroll', { body }));
        const { status } = await answers.next('POST');
        socket.destroy();
        return status;
      };
      const gained = await post(anonymous, device);
      assert.notEqual(gained, 200, `${version}: an anonymous session enrolled after resumption`);
      const lent = await post(identified, other.device);
      assert.notEqual(
        lent,
        200,
        `${version}: the session of ${certificate.subject} enrolled another`,
      );
    }
  },
};
