import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { refusesClient, renewalRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';
import { skip } from '../skip.ts';

export const requirement: Requirement = {
  id: 'TLS-15',
  level: 'MUST',
  source: 'RFC 5280 section 6.1.3',
  title: 'A revoked client certificate is refused',
  test: async (server) => {
    if (!server.commands.canRevoke) skip('no --revoke-command was given');
    const { certificate, client, device } = await server.enrolledDevice();
    const renewal = renewalRequest(certificate, ecKey());
    const before = await server.post('simplereenroll', renewal, { client });
    assert.notEqual(before.status, 401, 'the certificate did not authenticate even before');
    await server.commands.revoke(certificate.serialNumber);
    await refusesClient(server, 'revoked', 'simplereenroll', client, renewal);
    const request = certificateRequest(device, ecKey());
    await refusesClient(server, 'revoked', 'simpleenroll', client, request);
  },
};
