import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-06',
  level: 'MUST NOT',
  source: 'RFC 7030 section 4.5.2, RFC 8951 section 4',
  title: 'No answer carries PEM armour',
  test: async (server) => {
    const { device, ...applicant } = await server.applicant();
    const answers = {
      '/cacerts': await server.fetch('cacerts'),
      '/csrattrs': await server.fetch('csrattrs'),
      '/simpleenroll': await server.post(
        'simpleenroll',
        certificateRequest(device, ecKey()),
        applicant,
      ),
    };
    answered(answers['/cacerts'], 200, 'GET /cacerts');
    for (const [path, { body }] of Object.entries(answers)) {
      assert.doesNotMatch(body.toString('latin1'), /-----/, `${path} answers in PEM`);
    }
  },
};
