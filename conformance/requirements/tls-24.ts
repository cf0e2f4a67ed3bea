import assert from 'node:assert/strict';
import { EXTENDED_MASTER_SECRET, SUITES, sayHello, TLS_1_2 } from '../client-hello.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-24',
  level: 'MUST',
  source: 'RFC 9325 section 3.5, RFC 7627',
  title: 'The extended master secret is negotiated on TLS 1.2',
  test: async (server) => {
    const hello = await sayHello(server, {
      version: TLS_1_2,
      cipherSuites: SUITES.forwardSecretAead,
    });
    assert.ok(hello, 'TLS 1.2 was refused');
    assert.ok(hello.extensions.has(EXTENDED_MASTER_SECRET), 'it is not in the ServerHello');
  },
};
