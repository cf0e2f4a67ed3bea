import assert from 'node:assert/strict';
import { parseBer } from '../der.ts';
import { objectIdentifier } from '../der-writer.ts';
import { isKeyOf } from '../key-delivery.ts';
import { encryptedDelivery, openEnvelope } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';
import { verifiedContent } from '../verify-message.ts';

export const requirement: Requirement = {
  id: 'SKG-18',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2, RFC 5958 section 4',
  title: 'Inside the EnvelopedData is a SignedData of an AsymmetricKeyPackage with the key',
  test: async (server) => {
    for (const protection of ['shared', 'rsa', 'p256', 'p384'] as const) {
      const delivery = await encryptedDelivery(server, protection);
      const { contentType } = delivery.envelope;
      const signedDataType = objectIdentifier('1.2.840.113549.1.7.2');
      assert.ok(contentType?.encoded.equals(signedDataType), 'encrypted content is no SignedData');
      const message = await openEnvelope(delivery);
      const { type, content } = await verifiedContent(server, message);
      const keyPackage = objectIdentifier('2.16.840.1.101.2.1.2.78.5');
      assert.ok(type.encoded.equals(keyPackage), `signed type: ${type.encoded.toString('hex')}`);
      const [key, ...others] = parseBer(content).children;
      assert.ok(key && others.length === 0, 'the package does not hold exactly one key');
      await isKeyOf(key.encoded, delivery.certificate);
    }
  },
};
