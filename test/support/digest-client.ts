/**
 * The client's part of HTTP Digest (RFC 7616), with every value in the open.
 */

import { createHash } from 'node:crypto';

export interface DigestAnswer {
  readonly user: string;
  readonly password: string;
  readonly nonce: string;
  readonly uri: string;
  /** SHA-256 when left out. */
  readonly algorithm?: 'SHA-256' | 'MD5';
  /** 1 when left out. */
  readonly count?: number;
  readonly method?: string;
}

/** The value of an Authorization header. */
export function digest(answer: DigestAnswer): string {
  const { user, password, nonce, uri, algorithm = 'SHA-256', count = 1, method = 'POST' } = answer;
  const hash = (text: string) =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const nc = count.toString(16).padStart(8, '0');
  const cnonce = 'f2wE4q74E6zIJEtW';
  const secret = hash(`${user}:EST:${password}`);
  const response = hash(`${secret}:${nonce}:${nc}:${cnonce}:auth:${hash(`${method}:${uri}`)}`);
  const quoted = { username: user, realm: 'EST', nonce, uri, response, cnonce };
  const parameters = Object.entries(quoted).map(([name, value]) => `${name}="${value}"`);
  return `Digest ${[...parameters, `algorithm=${algorithm}`, 'qop=auth', `nc=${nc}`].join(', ')}`;
}

/** The values of WWW-Authenticate, one for each header, from an answer's raw headers. */
export function challengesIn(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter(
    (_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'www-authenticate',
  );
}

/** @throws Error when the challenge has no nonce */
export function nonceIn(challenge: string | undefined): string {
  const [, nonce] = /nonce="([^"]+)"/.exec(challenge ?? '') ?? [];
  if (nonce === undefined) throw new Error(`There is no nonce in: ${challenge}`);
  return nonce;
}
