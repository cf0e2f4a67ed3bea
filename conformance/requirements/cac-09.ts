import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { answered, certificatesIn, decodeBase64 } from '../inspect-answer.ts';
import { isSelfSigned, pathTo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'CAC-09',
  level: 'MUST',
  source: 'RFC 7030 section 3.2.2',
  title: 'The certificates of a label are those that its enrollments lead to',
  test: async (server) => {
    if (server.pathLabel === undefined) skip('no --label was given');
    const { certificate } = await server.sharedDevice();
    const answer = await server.fetch(`/.well-known/est/${server.pathLabel}/cacerts`);
    answered(answer, 200, `GET /${server.pathLabel}/cacerts`);
    const bag = certificatesIn(decodeBase64(answer.body)).map((der) => new X509Certificate(der));
    assert.ok(
      pathTo(bag.filter(isSelfSigned), certificate, bag),
      'no path within the bag of the label',
    );
  },
};
