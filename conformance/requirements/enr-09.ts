import assert from 'node:assert/strict';
import {
  certificateRequest,
  ecKey,
  extendedKeyUsage,
  extension,
  extensionRequest,
} from '../certificate-requests.ts';
import { bitString, booleanTrue, sequence } from '../der-writer.ts';
import { issuedCertificate, refused } from '../inspect-answer.ts';
import { claimsAuthority, keyUsage, purposes } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-09',
  level: 'REC',
  source: 'RFC 5280 section 4.2.1.9',
  title: 'A request cannot make its sender an authority, an OCSP responder or a registrar',
  test: async (server) => {
    const wanted = {
      'cA TRUE': extension('2.5.29.19', sequence(booleanTrue()), true),
      keyCertSign: extension('2.5.29.15', bitString(Buffer.from([0x86]), 1), true),
      OCSPSigning: extendedKeyUsage('1.3.6.1.5.5.7.3.9'),
      cmcRA: extendedKeyUsage('1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.28'),
    };
    const { device, ...applicant } = await server.applicant();
    for (const [what, extension] of Object.entries(wanted)) {
      const attributes = [extensionRequest(extension)];
      const request = certificateRequest(device, ecKey(), { attributes });
      const answer = await server.post('simpleenroll', request, applicant);
      if (answer.status !== 200) {
        refused(answer, [400, 403], what);
        continue;
      }
      const issued = issuedCertificate(answer, what);
      assert.ok(!claimsAuthority(issued), `${what}: the issued certificate is a CA`);
      assert.equal((keyUsage(issued) ?? 0) & 0x06, 0, `${what}: it may sign certificates or CRLs`);
      for (const purpose of ['1.3.6.1.5.5.7.3.9', '1.3.6.1.5.5.7.3.28']) {
        assert.ok(!purposes(issued)?.has(purpose), `${what}: purpose ${purpose} was granted`);
      }
    }
  },
};
