import { foreignBinding, linkedBy, postBound, versions } from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import { relayedDevice } from '../registration-authority.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'POP-17',
  level: 'SHOULD',
  source: 'RFC 7030 section 3.7',
  title: 'Only a registration authority may send linking information of another connection',
  test: async (server) => {
    const { device, client } = await relayedDevice(server);
    for (const version of versions) {
      const elsewhere = await foreignBinding(server, version);
      const attributes = linkedBy(() => elsewhere);
      const relayed = await postBound(server, {
        version,
        applicant: { device, client },
        attributes,
      });
      answered(relayed, 200, `foreign linking from a registration authority on ${version}`);
      const own = await postBound(server, { version, attributes });
      refused(own, '4xx', `foreign linking from a device on ${version}`);
    }
  },
};
