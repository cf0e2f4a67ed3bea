import {
  EST_IDENTITY_LINKING,
  foreignBinding,
  linkedBy,
  postBound,
  versions,
} from '../channel-binding.ts';
import { answered } from '../inspect-answer.ts';
import { relayedDevice } from '../registration-authority.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ALT-05',
  level: 'MAY',
  source: 'RFC 7894 section 4',
  title: 'estIdentityLinking that a registration authority relays is not held against it',
  test: async (server) => {
    const applicant = await relayedDevice(server);
    for (const version of versions) {
      const elsewhere = await foreignBinding(server, version);
      const attributes = linkedBy(() => elsewhere, EST_IDENTITY_LINKING);
      const answer = await postBound(server, { version, applicant, attributes });
      answered(answer, 200, `foreign estIdentityLinking on ${version}`);
    }
  },
};
