import assert from 'node:assert/strict';
import { openssl } from '../openssl.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-27',
  level: 'MUST NOT',
  source: 'RFC 8446 section 8 and appendix E.5, RFC 8470 section 3',
  title: 'No ticket permits early data',
  test: async (server) => {
    const words = ['s_client', '-connect', `${server.host}:${server.port}`, '-tls1_3'];
    const request = server.encode('cacerts').toString('latin1');
    const { output } = await openssl([...words, '-ign_eof'], {}, request);
    assert.match(output, /TLSv1\.3/, 'TLS 1.3 was not negotiated');
    assert.doesNotMatch(output, /Max Early Data: [1-9]/, 'a ticket offers early data');
  },
};
