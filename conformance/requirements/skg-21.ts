import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { parseBer } from '../der.ts';
import { extensionValue, issuerName } from '../inspect-certificate.ts';
import { encryptedDelivery, openEnvelope } from '../key-envelope.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-21',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.2, RFC 5652 section 6.2.1',
  title: 'Under an RSA key: KeyTransRecipientInfo that names the certificate of the device',
  test: async (server) => {
    const delivery = await encryptedDelivery(server, 'rsa');
    const { tag, children } = delivery.envelope.recipientInfo;
    assert.equal(tag, 0x30, 'the tag of the RecipientInfo is not that of ktri');
    const [version, recipient] = children;
    const bySubjectKey = recipient?.tag === 0x80;
    const expected = bySubjectKey ? '020102' : '020100';
    assert.equal(version?.encoded.toString('hex'), expected, 'version');
    const certificate = new X509Certificate(delivery.recipient.certificate ?? '');
    const identifier = extensionValue(certificate, '2.5.29.14');
    const named = bySubjectKey
      ? identifier && parseBer(identifier).contents.equals(recipient.contents)
      : recipient?.children[0]?.encoded.equals(issuerName(certificate));
    const byRequest = recipient?.contents.equals(delivery.recipient.id);
    assert.ok(named || byRequest, `rid: ${recipient?.encoded.toString('hex')}`);
    await openEnvelope(delivery);
  },
};
