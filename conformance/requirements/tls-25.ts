import assert from 'node:assert/strict';
import { SUITES, sayHello, TLS_1_2 } from '../client-hello.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-25',
  level: 'MAY',
  source: 'RFC 7030 section 3.3.3',
  title: 'Suites with a plain pre-shared key are not taken in place of certificates',
  test: async (server) => {
    const cipherSuites = SUITES.preSharedKey;
    const hello = await sayHello(server, { version: TLS_1_2, cipherSuites });
    assert.equal(hello, undefined, `suite 0x${hello?.cipherSuite.toString(16)} was taken`);
  },
};
