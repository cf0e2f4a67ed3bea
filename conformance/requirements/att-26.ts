import assert from 'node:assert/strict';
import {
  certificateRequest,
  ecKey,
  ecKeyOn,
  extendedKeyUsage,
  extensionRequest,
} from '../certificate-requests.ts';
import { sequence } from '../der-writer.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-26',
  level: 'MUST',
  source: 'RFC 8951 section 4',
  title: 'A request that lacks what is announced is refused, and the answer names what it lacks',
  test: async (server) => {
    const view = server.label('profile');
    const { device, credential } = await view.newcomer();
    const attributes = [extensionRequest(extendedKeyUsage('1.3.6.1.5.5.7.3.2'))];
    const lacking = {
      commonName: certificateRequest(sequence(), ecKeyOn('P-384'), { attributes }),
      extKeyUsage: certificateRequest(device, ecKeyOn('P-384')),
      'P-384': certificateRequest(device, ecKey(), { attributes }),
    };
    for (const [what, request] of Object.entries(lacking)) {
      const answer = await view.post('simpleenroll', request, { credential });
      refused(answer, [400], `a request without ${what}`);
      const names = { 'P-384': /P-384|secp384r1/i }[what] ?? new RegExp(what, 'i');
      assert.match(answer.body.toString(), names, `what the answer says without ${what}`);
    }
    const complete = certificateRequest(device, ecKeyOn('P-384'), { attributes });
    const answer = await view.post('simpleenroll', complete, { credential });
    issuedCertificate(answer, 'a request that has everything');
  },
};
