import assert from 'node:assert/strict';
import { SUITES, sayHello, TLS_1_2 } from '../client-hello.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-05',
  level: 'MUST NOT',
  source: 'RFC 7030 section 3.2.3, RFC 9325 section 4.1',
  title: 'Suites without encryption or authentication, and broken ciphers, are never negotiated',
  test: async (server) => {
    for (const family of ['null', 'anonymous', 'export', 'des', 'rc4'] as const) {
      const hello = await sayHello(server, { version: TLS_1_2, cipherSuites: SUITES[family] });
      assert.equal(
        hello,
        undefined,
        `suite 0x${hello?.cipherSuite.toString(16)} (${family}) was taken`,
      );
    }
  },
};
