import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'URI-08',
  level: 'REC',
  source: 'RFC 9110 section 4.2.3, RFC 3986 section 6.2',
  title:
    'Paths are matched case-sensitively and segment by segment, after decoding unreserved characters',
  test: async (server) => {
    const base = '/.well-known/est';
    answered(await server.fetch(`${base}/CACERTS`), 404, 'upper-case operation');
    refused(await server.fetch(`${base}/x/../cacerts`), [400, 404], 'dot segment');
    refused(await server.fetch(`${base}/x%2F..%2Fcacerts`), [400, 404], 'encoded slashes');
    refused(
      await server.fetch(`${base}%2Fcacerts`),
      [400, 404],
      'encoded slash before the operation',
    );
    answered(await server.fetch(`${base}/%63acerts`), 200, 'encoded letter');
  },
};
