import assert from 'node:assert/strict';
import { exporterWithoutContext, linkedBy, postBound, tlsExporter } from '../channel-binding.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-11',
  level: 'MUST',
  source: 'RFC 5705 section 4',
  title: 'On TLS 1.2 exported keying material without a context is refused',
  test: async (server) => {
    const attributes = linkedBy((socket) => {
      const value = exporterWithoutContext(socket);
      assert.notEqual(value, tlsExporter(socket), 'this client does not tell the two apart');
      return value;
    });
    const answer = await postBound(server, { attributes });
    refused(answer, '4xx', 'an exported value without context on TLS 1.2');
  },
};
