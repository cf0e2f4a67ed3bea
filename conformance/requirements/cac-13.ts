import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { fetchCaCertificates } from '../flows.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'CAC-13',
  level: 'MUST',
  source: 'RFC 7030 section 4.1.1',
  title: 'The root is sent octet by octet as it was published',
  test: async (server) => {
    if (!server.verified) skip('no --root was given to compare with');
    const bag = await fetchCaCertificates(server);
    for (const root of server.roots.map((text) => new X509Certificate(text))) {
      const present = bag.some((der) => der.equals(root.raw));
      assert.ok(present, `${root.fingerprint256} is not among them`);
    }
  },
};
