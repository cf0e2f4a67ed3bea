import {
  bindingOf,
  EST_IDENTITY_LINKING,
  foreignBinding,
  linkedBy,
  postBound,
  versions,
} from '../channel-binding.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ALT-04',
  level: 'MUST',
  source: 'RFC 7894 section 3.3',
  title: 'estIdentityLinking is verified as challengePassword is',
  test: async (server) => {
    for (const version of versions) {
      const own = linkedBy(bindingOf, EST_IDENTITY_LINKING);
      const right = await postBound(server, { version, attributes: own });
      answered(right, 200, `estIdentityLinking with channel binding on ${version}`);
      const elsewhere = await foreignBinding(server, version);
      const foreign = linkedBy(() => elsewhere, EST_IDENTITY_LINKING);
      const wrong = await postBound(server, { version, attributes: foreign });
      refused(wrong, '4xx', `estIdentityLinking of another connection on ${version}`);
    }
  },
};
