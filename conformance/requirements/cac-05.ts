import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { fetchCaCertificates } from '../flows.ts';
import { isSelfSigned, pathTo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-05',
  level: 'MUST',
  source: 'RFC 7030 section 4.1.3',
  title: '/cacerts contains every intermediate between an issued certificate and the root',
  test: async (server) => {
    const { certificate } = await server.sharedDevice();
    const bag = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
    const path = pathTo(bag.filter(isSelfSigned), certificate, bag);
    assert.ok(
      path,
      'no path from the issued certificate to a root with the certificates of /cacerts',
    );
  },
};
