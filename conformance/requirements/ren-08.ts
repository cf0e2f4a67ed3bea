import assert from 'node:assert/strict';
import { commonName } from '../certificate-requests.ts';
import { dnsNameOf, generalNames, rename, subjectAltName } from '../changed-names.ts';
import { sequence } from '../der-writer.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { subjectName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-08',
  level: 'MUST',
  source: 'RFC 6402 section 2.8',
  title: 'What changeSubjectName leaves out is not in the new certificate',
  test: async (server) => {
    const named = issuedCertificate(
      await rename(server, (device) => [commonName(device)]),
      'changeSubjectName with a subject alone',
    );
    assert.equal(subjectAltName(named), undefined, 'the subjectAltName is still there');
    const nameless = issuedCertificate(
      await rename(server, (device) => [generalNames(dnsNameOf(device))]),
      'changeSubjectName with a subjectAlt alone',
    );
    assert.ok(subjectName(nameless).equals(sequence()), 'the subject is not empty');
    assert.ok(subjectAltName(nameless)?.critical, 'no critical subjectAltName beside it');
  },
};
