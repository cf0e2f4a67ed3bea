import { attribute } from '../certificate-requests.ts';
import { bindingOf, challenge, EST_IDENTITY_LINKING, postBound } from '../channel-binding.ts';
import { printableString, utf8String } from '../der-writer.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

const right: Readonly<Record<string, (text: string) => Buffer>> = {
  'a PrintableString': (text) => attribute(EST_IDENTITY_LINKING, printableString(text)),
  'a UTF8String': (text) => attribute(EST_IDENTITY_LINKING, utf8String(text)),
};

/** Each has the right value somewhere. */
const wrong: Readonly<Record<string, (text: string) => Buffer>> = {
  'two values': (text) => attribute(EST_IDENTITY_LINKING, printableString(text), utf8String(text)),
  'more than 255 characters': (text) => challenge(EST_IDENTITY_LINKING, text + ' '.repeat(256)),
  'an empty value besides': (text) =>
    attribute(EST_IDENTITY_LINKING, utf8String(''), utf8String(text)),
};

export const requirement: Requirement = {
  id: 'ALT-06',
  level: 'MUST',
  source: 'RFC 7894 section 3',
  title: 'A challenge attribute has one value, PrintableString or UTF8String, of at most 255',
  test: async (server) => {
    for (const [what, make] of Object.entries(right)) {
      const answer = await postBound(server, { attributes: (tls) => [make(bindingOf(tls))] });
      answered(answer, 200, `estIdentityLinking as ${what}`);
    }
    for (const [what, make] of Object.entries(wrong)) {
      const answer = await postBound(server, { attributes: (tls) => [make(bindingOf(tls))] });
      refused(answer, [400], `estIdentityLinking with ${what}`);
    }
  },
};
