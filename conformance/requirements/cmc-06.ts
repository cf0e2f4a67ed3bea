import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { grantedByCmc } from '../cmc-answer.ts';
import { pkiData, sendCmc, signedByDevice, tagged } from '../cmc-request.ts';
import { fetchCaCertificates } from '../flows.ts';
import { pathTo, publicKeyInfo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-06',
  level: 'MUST',
  source: 'RFC 7030 section 4.3.2',
  title: 'A success is 200 with the certificate for the key of the request',
  test: async (server) => {
    const view = server.label('cmc');
    const device = await view.sharedDevice();
    const key = ecKey();
    const requests = [tagged(1, certificateRequest(device.device, key))];
    const answer = await sendCmc(view, signedByDevice(device, pkiData({ requests })));
    const certificates = grantedByCmc(answer, 'a Full PKI Request in good order');
    const issued = certificates.find((each) => publicKeyInfo(each).equals(key.publicKey));
    assert.ok(issued, 'the answer has no certificate for the key');
    const anchors = server.roots.map((root) => new X509Certificate(root));
    const known = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
    assert.ok(pathTo(anchors, issued, known), 'no path leads from it to a trust anchor');
  },
};
