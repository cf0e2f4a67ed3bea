import assert from 'node:assert/strict';
import {
  attribute,
  certificateRequest,
  ecKey,
  extension,
  extensionRequest,
} from '../certificate-requests.ts';
import { octetString } from '../der-writer.ts';
import { enrolls } from '../flows.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import { contains } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-17',
  level: 'REC',
  source: 'RFC 2986 section 4.1',
  title: 'Unknown attributes and extensions are ignored and not copied into the certificate',
  test: async (server) => {
    const junk = Buffer.from('conformance-junk');
    const unknownType = '1.3.6.1.4.1.32473.7030';
    const issued = await enrolls(server, 'an unknown attribute', {
      attributes: [attribute(unknownType, octetString(junk))],
    });
    assert.ok(!contains(issued, junk), 'the attribute was copied');
    const { device, ...applicant } = await server.applicant();
    const attributes = [extensionRequest(extension(unknownType, octetString(junk)))];
    const request = certificateRequest(device, ecKey(), { attributes });
    const answer = await server.post('simpleenroll', request, applicant);
    if (answer.status !== 200) return refused(answer, [400, 403], 'an unknown extension');
    assert.ok(
      !contains(issuedCertificate(answer, 'simpleenroll'), junk),
      'the extension was copied',
    );
  },
};
