import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { fetchCaCertificates } from '../flows.ts';
import { isSelfSigned } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-04',
  level: 'MUST',
  source: 'RFC 7030 section 4.1.3',
  title: '/cacerts contains the root certificate',
  test: async (server) => {
    const bag = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
    const roots = bag.filter(isSelfSigned);
    assert.ok(roots.length > 0, 'no self-signed certificate');
    const anchors = server.roots.map((root) => new X509Certificate(root).fingerprint256);
    const known = roots.some(({ fingerprint256 }) => anchors.includes(fingerprint256));
    assert.ok(known, 'none of the self-signed certificates is the trust anchor');
  },
};
