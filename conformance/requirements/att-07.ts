import assert from 'node:assert/strict';
import { announced, isType } from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const P_384 = '1.3.132.0.34';
/** ecdsa-with-SHA256 and so on. */
const SCHEMES = [2, 3, 4].map((last) => `1.2.840.10045.4.3.${last}`);

export const requirement: Requirement = {
  id: 'ATT-07',
  level: 'SHOULD',
  source: 'RFC 8951 section 4',
  title: 'The list has the structure of a request: keys with parameters, schemes as types alone',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    for (const { type, values } of list) {
      if (isType(type, EC_PUBLIC_KEY)) assert.ok(values, 'id-ecPublicKey is a type alone');
      assert.ok(!isType(type, P_384), 'secp384r1 stands outside of the Attribute of the key');
      const isScheme = SCHEMES.some((scheme) => isType(type, scheme));
      assert.ok(!(isScheme && values), 'a signature scheme is an Attribute');
    }
  },
};
