import assert from 'node:assert/strict';
import { parseDer } from '../der.ts';
import { presentedChain } from '../flows.ts';
import { openssl } from '../openssl.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-08',
  level: 'MUST',
  source: 'RFC 7030 section 3.3.1, RFC 5280 section 4',
  title: 'The server certificate keeps to the certificate profile',
  test: async (server) => {
    const { leaf, chain } = await presentedChain(server);
    parseDer(leaf.raw);
    // openssl wants at least one certificate in -untrusted, so the leaf is repeated there.
    const untrusted = [leaf.toString(), ...chain].join('');
    const files = { root: server.roots.join(''), untrusted, leaf: leaf.toString() };
    const words =
      'verify -x509_strict -purpose sslserver -CAfile {root} -untrusted {untrusted} {leaf}';
    const { code, output } = await openssl(words.split(' '), files);
    assert.equal(code, 0, `openssl verify -x509_strict: ${output}`);
  },
};
