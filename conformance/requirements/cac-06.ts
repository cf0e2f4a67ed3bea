import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { fetchCaCertificates } from '../flows.ts';
import { isSelfSigned, publicKeyInfo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'CAC-06',
  level: 'SHOULD',
  source: 'RFC 7030 section 4.1.3, RFC 4210 section 4.4',
  title: 'After a change of the root key the two cross-certificates are there as well',
  test: async (server) => {
    const bag = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
    const roots = bag.filter(isSelfSigned);
    const key = (certificate: X509Certificate) => publicKeyInfo(certificate).toString('hex');
    const generations = roots.filter((root) =>
      roots.some((other) => other.subject === root.subject && key(other) !== key(root)),
    );
    if (generations.length === 0) skip('the root has not changed its key');
    for (const root of generations) {
      const crossed = bag.some((each) => key(each) === key(root) && !isSelfSigned(each));
      assert.ok(crossed, `no other root vouches for the key of ${root.fingerprint256}`);
    }
  },
};
