import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { fetchCaCertificates, presentedChain } from '../flows.ts';
import { isSelfSigned, pathTo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-29',
  level: 'REC',
  source: 'RFC 6066 section 6, RFC 7030 section 4.1.3',
  title: 'The server certificate chains to a root of /cacerts',
  test: async (server) => {
    const { leaf, chain } = await presentedChain(server);
    const bag = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
    const between = [...bag, ...chain.map((text) => new X509Certificate(text))];
    const path = pathTo(bag.filter(isSelfSigned), leaf, between);
    assert.ok(path, 'no path from the server certificate to a self-signed one of /cacerts');
  },
};
