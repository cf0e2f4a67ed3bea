import assert from 'node:assert/strict';
import { ecKey } from '../certificate-requests.ts';
import { renewalRequest } from '../flows.ts';
import { issuedCertificate } from '../inspect-answer.ts';
import { publicKeyInfo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-12',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.2',
  title: 'Renewing with the same key and with a new one both work',
  test: async (server) => {
    const { certificate, client, key } = await server.sharedDevice();
    const next = ecKey();
    const renewal = await server.post('simplereenroll', renewalRequest(certificate, key), {
      client,
    });
    const rekey = await server.post('simplereenroll', renewalRequest(certificate, next), {
      client,
    });
    const renewed = issuedCertificate(renewal, 'the same key');
    const rekeyed = issuedCertificate(rekey, 'a new key');
    assert.ok(
      publicKeyInfo(renewed).equals(key.publicKey),
      'the renewed certificate has another key',
    );
    assert.ok(publicKeyInfo(rekeyed).equals(next.publicKey), 'the new certificate has another key');
    assert.notEqual(renewed.serialNumber, certificate.serialNumber, 'nothing was issued');
  },
};
