import { enrolls } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-03',
  level: 'MUST',
  source: 'RFC 2986 section 4.1',
  title: 'A request without any attribute is taken',
  test: async (server) => {
    await enrolls(server, 'an empty set of attributes', { attributes: [] });
  },
};
