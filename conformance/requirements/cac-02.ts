import assert from 'node:assert/strict';
import { decodeBase64, signedData } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CAC-02',
  level: 'MUST',
  source: 'RFC 7030 section 4.1.3, RFC 5272 section 4.1',
  title: '/cacerts is a certs-only response: no signers and no content',
  test: async (server) => {
    const { body } = await server.fetch('cacerts');
    const { signerInfos, contentInfo, certificates } = signedData(decodeBase64(body));
    assert.equal(signerInfos.encoded.toString('hex'), '3100', 'signerInfos is not the empty set');
    assert.equal(contentInfo.children.length, 1, 'there is encapsulated content');
    assert.ok(certificates.length > 0, 'there is no certificate');
  },
};
