import assert from 'node:assert/strict';
import { certificateRequest, commonName, ecKey } from '../certificate-requests.ts';
import { changeTo } from '../changed-names.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-06',
  level: 'MAY',
  source: 'RFC 7030 section 4.2.1, RFC 6402 section 2.8',
  title:
    'changeSubjectName is honoured where a certificate of a third party authenticates the device',
  test: async (server) => {
    const view = server.label('factory');
    const { device, client } = await view.commands.factoryDevice(view.pathLabel);
    const attributes = [changeTo(commonName(device))];
    const request = certificateRequest(device, ecKey(), { attributes });
    const answer = await view.post('simpleenroll', request, { client });
    const certificate = issuedCertificate(answer, 'simpleenroll with changeSubjectName');
    assert.equal(certificate.subject, `CN=${device}`, 'the subject is that of changeSubjectName');
  },
};
