import assert from 'node:assert/strict';
import { SUITES, sayHello, TLS_1_0, TLS_1_1 } from '../client-hello.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-02',
  level: 'MUST NOT',
  source: 'RFC 8996 sections 4 and 5',
  title: 'TLS 1.0 and TLS 1.1 are never negotiated',
  test: async (server) => {
    const cipherSuites = [...SUITES.cbc, ...SUITES.staticRsa];
    for (const version of [TLS_1_0, TLS_1_1]) {
      const hello = await sayHello(server, { version, cipherSuites });
      assert.equal(hello, undefined, `a ClientHello of TLS 1.${version - 0x0301} was accepted`);
    }
  },
};
