import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { fetchCaCertificates } from '../flows.ts';
import { isSelfSigned, pathTo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-07',
  level: 'MUST',
  source: 'RFC 7030 section 4.1.3',
  title: 'The current root is the self-signed certificate that expires last',
  test: async (server) => {
    const bag = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
    const roots = bag.filter(isSelfSigned);
    const [newest] = roots.sort((a, b) => b.validToDate.getTime() - a.validToDate.getTime());
    assert.ok(newest, 'no self-signed certificate');
    assert.ok(
      newest.validToDate.getTime() > Date.now(),
      'the self-signed certificates are expired',
    );
    const { certificate } = await server.sharedDevice();
    assert.ok(
      pathTo([newest], certificate, bag),
      'new certificates do not lead to the newest root',
    );
  },
};
