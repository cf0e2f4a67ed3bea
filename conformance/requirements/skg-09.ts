import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { fetchCaCertificates } from '../flows.ts';
import { decodeBase64, signedData } from '../inspect-answer.ts';
import { pathTo } from '../inspect-certificate.ts';
import { plainDelivery } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-09',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2',
  title: 'The part with the certificate is what /simpleenroll answers: certs-only, and it alone',
  test: async (server) => {
    const { certificatePart, certificate } = await plainDelivery(server);
    const type = certificatePart.headers['content-type'] ?? 'none';
    assert.match(type, /^application\/pkcs7-mime *;.*smime-type="?certs-only"?/i);
    const { certificates, others, signerInfos } = signedData(decodeBase64(certificatePart.body));
    assert.equal(certificates.length, 1, 'number of certificates');
    assert.equal(others.length + signerInfos.children.length, 0, 'there is more than certificates');
    const anchors = server.roots.map((root) => new X509Certificate(root));
    const known = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
    assert.ok(pathTo(anchors, certificate, known), 'no path leads from it to a trust anchor');
  },
};
