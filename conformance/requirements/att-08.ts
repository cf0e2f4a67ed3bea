import assert from 'node:assert/strict';
import {
  announced,
  attributesOf,
  EXTENSION_REQUEST,
  isType,
  requestTemplate,
} from '../csr-attributes.ts';
import { walk } from '../der.ts';
import type { Requirement } from '../requirement.ts';

const EXTENDED_KEY_USAGE = '2.5.29.37';

export const requirement: Requirement = {
  id: 'ATT-08',
  level: 'MUST',
  source: 'RFC 9908 section 3.2',
  title: 'Extensions with their values stand in one Attribute of type extensionRequest',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    const requests = attributesOf(list, EXTENSION_REQUEST);
    assert.ok(requests.length <= 1, `there are ${requests.length} of them`);
    const template = requestTemplate(list)?.attributes;
    const elements = [...requests, ...(template ? [template] : [])].flatMap((set) => [
      ...walk(set),
    ]);
    const named = [...elements, ...list.map(({ type }) => type)];
    const demanded = named.some((element) => isType(element, EXTENDED_KEY_USAGE));
    assert.ok(demanded, 'extKeyUsage, which a request must have, is not announced');
    const outside = list.some(({ type, values }) => values && isType(type, EXTENDED_KEY_USAGE));
    assert.ok(!outside, 'extKeyUsage is an Attribute of its own');
  },
};
