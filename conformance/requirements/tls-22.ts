import assert from 'node:assert/strict';
import { base64Lines, certificateRequest, ecKey } from '../certificate-requests.ts';
import type { Requirement } from '../requirement.ts';
import { recordTypes } from '../tls-sessions.ts';

export const requirement: Requirement = {
  id: 'TLS-22',
  level: 'MUST NOT',
  source: 'RFC 5929 section 3.1',
  title: 'The server starts no handshake between the first and the answer to an enrollment',
  test: async (server) => {
    const { device, client } = await server.sharedDevice();
    const body = base64Lines(certificateRequest(device, ecKey()));
    const types = await recordTypes(server, server.encode('simpleenroll', { body }), client);
    const afterChange = types.slice(types.indexOf(0x14));
    const handshakes = afterChange.filter((type) => type === 0x16).length;
    assert.ok(types.includes(0x17), 'no application data was seen');
    assert.equal(handshakes, 1, `expected Finished alone, saw ${handshakes} handshake records`);
  },
};
