import { attribute } from '../certificate-requests.ts';
import { bindingOf, CHALLENGE_PASSWORD, challenge, postBound } from '../channel-binding.ts';
import { printableString, utf8String } from '../der-writer.ts';
import { refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

/** Each has the right value somewhere, and is not what challengePassword may be. */
const wrong: Readonly<Record<string, (binding: string) => Buffer[]>> = {
  'two values': (binding) => [
    attribute(CHALLENGE_PASSWORD, printableString(binding), utf8String(binding)),
  ],
  'two attributes': (binding) => [
    challenge(CHALLENGE_PASSWORD, binding),
    challenge(CHALLENGE_PASSWORD, binding),
  ],
  'no value': () => [attribute(CHALLENGE_PASSWORD)],
  'more than 255 characters': (binding) => [
    challenge(CHALLENGE_PASSWORD, binding + ' '.repeat(256)),
  ],
};

export const requirement: Requirement = {
  id: 'POP-08',
  level: 'MUST',
  source: 'RFC 2985 section 5.4.1',
  title: 'challengePassword has one value of at most 255 characters',
  test: async (server) => {
    for (const [what, attributes] of Object.entries(wrong)) {
      const answer = await postBound(server, {
        attributes: (socket) => attributes(bindingOf(socket)),
      });
      refused(answer, [400], `challengePassword with ${what}`);
    }
  },
};
