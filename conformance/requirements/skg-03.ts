import assert from 'node:assert/strict';
import { SUITES, sayHello, TLS_1_2 } from '../client-hello.ts';
import { answered } from '../inspect-answer.ts';
import { asksForKey } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-03',
  level: 'MUST NOT',
  source: 'RFC 7030 section 4.4',
  title: 'A server that sends private keys negotiates no suite weaker than 128 bits',
  test: async (server) => {
    answered(await asksForKey(server.label('server-keys')), 200, 'POST /serverkeygen');
    for (const family of ['null', 'anonymous', 'export', 'des', 'rc4'] as const) {
      const hello = await sayHello(server, { version: TLS_1_2, cipherSuites: SUITES[family] });
      const suite = hello?.cipherSuite.toString(16);
      assert.equal(hello, undefined, `suite 0x${suite} (${family}) was taken`);
    }
  },
};
