import assert from 'node:assert/strict';
import { decodeBase64, signedData } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-03',
  level: 'MUST',
  source: 'RFC 5652 sections 5.1 and 5.2',
  title: 'Its SignedData has version 1, no digest algorithms, content type data and certificates',
  test: async (server) => {
    const { body } = await server.fetch('cacerts');
    const { version, digestAlgorithms, contentInfo, certificates } = signedData(decodeBase64(body));
    assert.equal(version.encoded.toString('hex'), '020101', 'version');
    assert.equal(digestAlgorithms.encoded.toString('hex'), '3100', 'digestAlgorithms');
    assert.equal(
      contentInfo.encoded.toString('hex'),
      '300b06092a864886f70d010701',
      'encapContentInfo',
    );
    assert.ok(certificates.length > 0, 'certificates is absent or empty');
  },
};
