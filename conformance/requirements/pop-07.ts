import { attribute } from '../certificate-requests.ts';
import { bindingOf, CHALLENGE_PASSWORD, postBound, versions } from '../channel-binding.ts';
import { printableString, tlv, utf8String } from '../der-writer.ts';
import { answered } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

const strings: Readonly<Record<string, (text: string) => Buffer>> = {
  PrintableString: printableString,
  UTF8String: utf8String,
  TeletexString: (text) => tlv(0x14, Buffer.from(text, 'latin1')),
  BMPString: (text) => tlv(0x1e, wide(text, 2)),
  UniversalString: (text) => tlv(0x1c, wide(text, 4)),
};

export const requirement: Requirement = {
  id: 'POP-07',
  level: 'MUST',
  source: 'RFC 2985 section 5.4.1, RFC 7894 section 3',
  title: 'challengePassword may be any kind of DirectoryString',
  test: async (server) => {
    for (const [kind, string] of Object.entries(strings)) {
      for (const version of versions) {
        const answer = await postBound(server, {
          version,
          attributes: (socket) => [attribute(CHALLENGE_PASSWORD, string(bindingOf(socket)))],
        });
        answered(answer, 200, `challengePassword as ${kind} on ${version}`);
      }
    }
  },
};

function wide(text: string, octets: 2 | 4): Buffer {
  return Buffer.concat(
    [...text].map((character) => {
      const unit = Buffer.alloc(octets);
      unit.writeUInt8(character.charCodeAt(0), octets - 1);
      return unit;
    }),
  );
}
