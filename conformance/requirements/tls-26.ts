import assert from 'node:assert/strict';
import { SUITES, sayHello, TLS_1_2 } from '../client-hello.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-26',
  level: 'SHOULD NOT',
  source: 'RFC 9325 section 3.3',
  title: 'TLS compression is not used',
  test: async (server) => {
    const cipherSuites = SUITES.forwardSecretAead;
    const hello = await sayHello(server, { version: TLS_1_2, cipherSuites, compression: [1, 0] });
    assert.equal(hello?.compression, 0, 'a client that offers DEFLATE was not answered "null"');
  },
};
