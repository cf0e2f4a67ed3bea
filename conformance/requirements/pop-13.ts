import assert from 'node:assert/strict';
import { linkedBy, postBound, tlsExporter } from '../channel-binding.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-13',
  level: 'MUST NOT',
  source: 'RFC 9266 section 4.1',
  title: 'A connection ends after the request that its tls-exporter has linked',
  test: async (server) => {
    // The request asks to keep the connection.
    const version = 'TLSv1.3';
    const answer = await postBound(server, { version, attributes: linkedBy(tlsExporter) });
    answered(answer, 200, 'a challengePassword with tls-exporter');
    assert.match(answer.headers.connection ?? '', /\bclose\b/i, 'the connection goes on');
  },
};
