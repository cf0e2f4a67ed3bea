import { base64Lines } from '../certificate-requests.ts';
import { enrolls } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENC-03',
  level: 'SHOULD',
  source: 'RFC 8951 section 3.1',
  title: 'Line ends, blanks and tabs anywhere in the base64 are tolerated',
  test: async (server) => {
    const wrappings: Record<string, (request: Buffer) => string> = {
      'one line': (request) => request.toString('base64'),
      'one column': (request) => base64Lines(request, 1),
      '57 columns': (request) => base64Lines(request, 57),
      '76 columns, CRLF': (request) => base64Lines(request, 76, '\r\n'),
      'blanks and tabs': (request) => ` \t${base64Lines(request, 60, ' \t\n')}\n\n`,
    };
    for (const [what, wrap] of Object.entries(wrappings)) {
      await enrolls(server, what, {}, (request) => ({ body: wrap(request) }));
    }
  },
};
