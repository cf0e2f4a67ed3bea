import assert from 'node:assert/strict';
import { certificateRequest, commonName, ecKey } from '../certificate-requests.ts';
import { printableString, utf8String } from '../der-writer.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import { subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-04',
  level: 'REC',
  source: 'RFC 5280 section 7.1',
  title: 'The same subject in another string type gets a clear answer',
  test: async (server) => {
    const { device, certificate, client } = await server.sharedDevice();
    const plain = subjectName(certificate).equals(commonName(device));
    const other = commonName(device, plain ? printableString : utf8String);
    const answer = await server.post('simplereenroll', certificateRequest(other, ecKey()), {
      client,
    });
    if (answer.status !== 200) return refused(answer, [400, 403], 'another string type');
    const renewed = issuedCertificate(answer, 'another string type');
    assert.equal(
      renewed.subject,
      certificate.subject,
      'the renewed certificate has another subject',
    );
  },
};
