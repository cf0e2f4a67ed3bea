import { linkedBy, postBound, tlsExporter } from '../channel-binding.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

/** SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3, for which Node.js has no name. */
const NO_EXTENDED_MASTER_SECRET = 1;

export const requirement: Requirement = {
  id: 'POP-12',
  level: 'MUST NOT',
  source: 'RFC 9266 section 4.2',
  title: 'tls-exporter is not taken on TLS 1.2 without the extended master secret',
  test: async (server) => {
    const { client, ...applicant } = await server.applicant();
    const connection = await server
      .connect({
        ...client,
        maxVersion: 'TLSv1.2',
        secureOptions: NO_EXTENDED_MASTER_SECRET,
      })
      .catch(() => undefined);
    // A server that insists on the extension needs no second check.
    if (connection === undefined) return;
    const attributes = linkedBy(tlsExporter);
    const answer = await postBound(server, { applicant, connection, attributes });
    refused(answer, '4xx', 'tls-exporter without extended master secret');
  },
};
