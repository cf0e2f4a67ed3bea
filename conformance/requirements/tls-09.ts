import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { presentedChain } from '../flows.ts';
import { purposes } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'TLS-09',
  level: 'MUST',
  source: 'RFC 7030 section 3.6.1, RFC 9525 section 6.3',
  title: 'The server certificate names the host in a subjectAltName or carries id-kp-cmcRA',
  test: async (server) => {
    const { leaf } = await presentedChain(server);
    const named = isIP(server.host)
      ? leaf.checkIP(server.host)
      : leaf.checkHost(server.host, { subject: 'never' });
    const registrar = purposes(leaf)?.has('1.3.6.1.5.5.7.3.28') ?? false;
    assert.ok(named !== undefined || registrar, `${server.host} is not in ${leaf.subjectAltName}`);
  },
};
