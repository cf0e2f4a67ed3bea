import { randomBytes } from 'node:crypto';
import { bindingOf, linkedBy, postBound, versions } from '../channel-binding.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-02',
  level: 'MUST',
  source: 'RFC 7030 section 3.5',
  title: 'A challengePassword that is not the channel binding is refused',
  test: async (server) => {
    for (const version of versions) {
      const random = (octets: number) => () => randomBytes(octets).toString('base64');
      for (const octets of [12, 32]) {
        const answer = await postBound(server, { version, attributes: linkedBy(random(octets)) });
        refused(answer, '4xx', `${octets} random octets on ${version}`);
      }
      // One octet of the right value is another.
      const attributes = linkedBy((socket) => {
        const octets = Buffer.from(bindingOf(socket), 'base64');
        octets.writeUInt8(octets.readUInt8(octets.length - 1) ^ 1, octets.length - 1);
        return octets.toString('base64');
      });
      const near = await postBound(server, { version, attributes });
      refused(near, '4xx', `the channel binding with one bit turned over on ${version}`);
    }
  },
};
