import { certificateRequest, commonName, ecKey } from '../certificate-requests.ts';
import { objectIdentifier, sequence, setOf, utf8String } from '../der-writer.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-02',
  level: 'MUST',
  source: 'RFC 7030 section 4.2.2',
  title: 'The subject of a renewal request is that of the certificate',
  test: async (server) => {
    const { device, client } = await server.sharedDevice();
    const unit = sequence(objectIdentifier('2.5.4.11'), utf8String('conformance'));
    const subjects = {
      'another name': commonName(`${device}-x`),
      'one more name': sequence(setOf(unit), commonName(device).subarray(2)),
      'no name': sequence(),
    };
    for (const [what, subject] of Object.entries(subjects)) {
      const answer = await server.post('simplereenroll', certificateRequest(subject, ecKey()), {
        client,
      });
      refused(answer, [400, 403], what);
    }
  },
};
