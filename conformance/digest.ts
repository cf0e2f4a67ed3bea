import { createHash, randomBytes } from 'node:crypto';
import type { HttpAnswer } from './http-answer.ts';
import type { Credential } from './operator-commands.ts';

/** Digest of RFC 7616 with qop=auth, as a client does it. */
export type DigestChallenge = Readonly<Record<string, string>>;

const hashes: Readonly<Record<string, string>> = {
  'SHA-256': 'sha256',
  'SHA-512-256': 'sha512-256',
  MD5: 'md5',
};

/** The Digest challenges of an answer in their order, each with its parameters in lower case. */
export function digestChallenges({ rawHeaders }: HttpAnswer): DigestChallenge[] {
  const values = rawHeaders.filter(
    (_, index) => index % 2 === 1 && /^www-authenticate$/i.test(rawHeaders[index - 1] ?? ''),
  );
  return values
    .flatMap((value) => value.split(/(?:^|,\s*)(?=[A-Za-z]+ [a-z0-9]+=)/i))
    .filter((challenge) => /^Digest /i.test(challenge))
    .map((challenge) => {
      const parameters = challenge
        .slice('Digest '.length)
        .matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g);
      return Object.fromEntries(
        [...parameters].map(([, name = '', quoted, token]) => [
          name.toLowerCase(),
          quoted ?? token ?? '',
        ]),
      );
    });
}

export const algorithmOf = ({ algorithm = 'MD5' }: DigestChallenge) => algorithm.toUpperCase();

/** The value of an Authorization header for a POST to this path. */
export function digestAuthorization(
  challenge: DigestChallenge,
  { user, password }: Credential,
  uri: string,
): string {
  const algorithm = algorithmOf(challenge);
  const hash = hashes[algorithm];
  if (hash === undefined) throw new Error(`this client knows no Digest with ${algorithm}`);
  const digest = (text: string) => createHash(hash).update(text).digest('hex');
  const { realm = '', nonce = '', opaque } = challenge;
  const [nc, cnonce] = ['00000001', randomBytes(16).toString('hex')];
  const secret = digest(`${user}:${realm}:${password}`);
  const response = digest(`${secret}:${nonce}:${nc}:${cnonce}:auth:${digest(`POST:${uri}`)}`);
  const quoted = Object.entries({ username: user, realm, nonce, uri, response, cnonce, opaque });
  return `Digest ${[
    ...quoted.flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value}"`])),
    `algorithm=${algorithm}`,
    'qop=auth',
    `nc=${nc}`,
  ].join(', ')}`;
}
