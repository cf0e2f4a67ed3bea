import assert from 'node:assert/strict';
import { SUITES, sayHello, TLS_1_2 } from '../client-hello.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-06',
  level: 'SHOULD',
  source: 'RFC 9325 section 4.1',
  title: 'On TLS 1.2 only suites with forward secrecy and authenticated encryption are taken',
  test: async (server) => {
    const cipherSuites = [...SUITES.staticRsa, ...SUITES.cbc];
    const hello = await sayHello(server, { version: TLS_1_2, cipherSuites });
    assert.equal(hello, undefined, `suite 0x${hello?.cipherSuite.toString(16)} was taken`);
  },
};
