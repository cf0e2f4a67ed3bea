import { randomBytes } from 'node:crypto';
import { ecKey, rsaKey } from '../certificate-requests.ts';
import type { EstServer } from '../est-server.ts';
import { refused } from '../inspect-answer.ts';
import {
  asksWith,
  encryptedDelivery,
  everything,
  identifier,
  PUBLIC_KEY_IDENTIFIER,
  recipientCertificate,
} from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-16',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.1.2',
  title: 'No key is sent under a certificate whose key usage does not allow it',
  test: async (server) => {
    await encryptedDelivery(server, 'rsa');
    const view = server.label('encrypted-keys');
    const { device } = await view.applicant();
    for (const [what, key] of [
      ['RSA', rsaKey(2048)],
      ['EC', ecKey()],
    ] as const) {
      const id = randomBytes(8);
      const certificate = await recipientCertificate(key, 'digitalSignature');
      if (!(await isRegistered(view, device, { id, certificate }))) continue;
      const answer = await asksWith(view, identifier(PUBLIC_KEY_IDENTIFIER, id), everything());
      refused(answer, '4xx', `an ${what} certificate for signatures alone`);
    }
  },
};

/** A server may well refuse such a certificate before anyone asks; that one in order is taken was seen before. */
async function isRegistered(
  view: EstServer,
  device: string,
  key: { id: Buffer; certificate: string },
): Promise<boolean> {
  try {
    await view.commands.registerDecryptionKey(device, key);
    return true;
  } catch {
    return false;
  }
}
