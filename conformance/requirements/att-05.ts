import assert from 'node:assert/strict';
import { announced, attributesOf, isType, requestTemplate } from '../csr-attributes.ts';
import { walk } from '../der.ts';
import type { Requirement } from '../requirement.ts';

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const P_384 = '1.3.132.0.34';
const ECDSA_WITH_SHA_384 = '1.2.840.10045.4.3.3';

export const requirement: Requirement = {
  id: 'ATT-05',
  level: 'MUST',
  source: 'RFC 8951 section 4',
  title: 'A kind of key that is demanded is announced',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    const keys = attributesOf(list, EC_PUBLIC_KEY);
    const template = requestTemplate(list)?.key;
    const named = [...keys, ...(template ? [template] : [])]
      .flatMap((element) => [...walk(element)])
      .some((element) => isType(element, P_384));
    const byScheme = list.some(({ type }) => isType(type, ECDSA_WITH_SHA_384));
    assert.ok(named || byScheme, 'neither P-384 nor ecdsa-with-SHA384 is in the answer');
  },
};
