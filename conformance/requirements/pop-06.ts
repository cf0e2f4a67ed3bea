import assert from 'node:assert/strict';
import { linkedBy, postBound, tlsUnique } from '../channel-binding.ts';
import type { Connection, EstServer } from '../est-server.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

const ATTEMPTS = 40;

export const requirement: Requirement = {
  id: 'POP-06',
  level: 'MUST',
  source: 'RFC 7030 section 3.5, RFC 4648 section 4',
  title: 'Channel binding is the standard base64 of its octets',
  test: async (server) => {
    const { client, ...applicant } = await server.applicant();
    const tell = async (spell: (value: string) => string) => {
      const connection = await connectionWithPlusOrSlash(server, client);
      const attributes = linkedBy((socket) => spell(tlsUnique(socket)));
      return postBound(server, { applicant, connection, attributes });
    };
    answered(await tell((value) => value), 200, 'base64 with + or /');
    const url = (value: string) => value.replaceAll('+', '-').replaceAll('/', '_');
    refused(await tell(url), '4xx', 'base64url');
    const hexadecimal = (value: string) => Buffer.from(value, 'base64').toString('hex');
    refused(await tell(hexadecimal), '4xx', 'hexadecimal');
  },
};

/** The two alphabets of RFC 4648 differ in two characters, which not every value has. */
async function connectionWithPlusOrSlash(
  server: EstServer,
  client: { readonly key: string; readonly cert: string } | undefined,
): Promise<Connection> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const connection = await server.connect({ ...client, maxVersion: 'TLSv1.2' });
    if (/[+/]/.test(tlsUnique(connection.socket))) return connection;
    connection.socket.destroy();
  }
  assert.fail('no handshake had a Finished message whose base64 has + or /');
}
