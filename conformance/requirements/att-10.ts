import assert from 'node:assert/strict';
import {
  type Announced,
  announced,
  attributesOf,
  EXTENSION_REQUEST,
  EXTENSION_TEMPLATE,
  requestTemplate,
  templateAttributes,
} from '../csr-attributes.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ATT-10',
  level: 'MUST NOT',
  source: 'RFC 9908 section 3.2',
  title: 'No extension is announced twice',
  test: async (server) => {
    const list = await announced(server.label('profile'));
    const template = requestTemplate(list);
    isWithoutRepetition('the list', list);
    if (template) isWithoutRepetition('the template', templateAttributes(template));
  },
};

function isWithoutRepetition(where: string, list: readonly Announced[]): void {
  const types = [EXTENSION_REQUEST, EXTENSION_TEMPLATE]
    .flatMap((type) => attributesOf(list, type))
    .flatMap((values) => values.children.flatMap((extensions) => extensions.children))
    .map((extension) => extension.children[0]?.encoded.toString('hex'));
  assert.equal(new Set(types).size, types.length, `extensions in ${where}: ${types.join()}`);
}
