import { linkedBy, postBound, tlsExporter } from '../channel-binding.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-10',
  level: 'REC',
  source: 'RFC 9266 section 2, RFC 9148 section 3',
  title: 'On TLS 1.3 a request can be linked by tls-exporter',
  test: async (server) => {
    const version = 'TLSv1.3';
    const answer = await postBound(server, { version, attributes: linkedBy(tlsExporter) });
    answered(answer, 200, 'a challengePassword with tls-exporter');
  },
};
