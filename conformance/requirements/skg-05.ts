import assert from 'node:assert/strict';
import { ecKey, offCurvePublicKey, withBrokenSignature } from '../certificate-requests.ts';
import { publicKeyInfo } from '../inspect-certificate.ts';
import { asksForKey, delivered, isKeyOf } from '../key-delivery.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-05',
  level: 'MUST',
  source: 'RFC 7030 section 4.4.1',
  title: 'The public key and the signature of the request do not matter',
  test: async (server) => {
    const view = server.label('server-keys');
    const key = ecKey();
    const unsigned = await asksForKey(view, {}, withBrokenSignature, key);
    const { certificate, key: privateKey } = delivered(unsigned, key, 'a broken signature');
    assert.ok(!publicKeyInfo(certificate).equals(key.publicKey), 'the key is that of the request');
    await isKeyOf(privateKey, certificate);
    const publicKey = offCurvePublicKey(key);
    const keyless = await asksForKey(view, { publicKey }, undefined, key);
    delivered(keyless, key, 'a public key that is a point beside its curve');
  },
};
