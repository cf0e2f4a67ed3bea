import assert from 'node:assert/strict';
import { RENEGOTIATION_INFO, SUITES, sayHello, TLS_1_2 } from '../client-hello.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-21',
  level: 'MUST',
  source: 'RFC 7030 section 3.5, RFC 5746 section 3.6',
  title: 'The server knows secure renegotiation',
  test: async (server) => {
    const hello = await sayHello(server, {
      version: TLS_1_2,
      cipherSuites: SUITES.forwardSecretAead,
    });
    assert.ok(hello, 'TLS 1.2 was refused');
    assert.ok(
      hello.extensions.has(RENEGOTIATION_INFO),
      'renegotiation_info is not in the ServerHello',
    );
  },
};
