/**
 * HTTP Digest (RFC 7616): its challenges, and what a client makes of them. With qop=auth only, no session variants and no
 * hashed user names.
 */

import {
  type DigestAlgorithm,
  digestAlgorithms,
  digestLengths,
  digestOf,
  realm,
} from '../../enrollment/digest-secret.ts';
import { StaleNonce, unauthenticated } from '../../enrollment/refusal.ts';
import type { NonceMint } from './digest-nonce.ts';

/**
 * The value of a WWW-Authenticate header. MD5 is meant where no algorithm is named, and the clients that know only that
 * do not all read the parameter, so it is left out; charset for the same reason.
 */
export function digestChallenge(algorithm: DigestAlgorithm, nonce: string, stale: boolean): string {
  const named = algorithm === 'MD5' ? '' : `, algorithm=${algorithm}, charset=UTF-8`;
  return `Digest realm="${realm}", qop="auth", nonce="${nonce}"${named}${stale ? ', stale=true' : ''}`;
}

/** What DigestAuthenticator needs of a response, besides who sent it. */
export interface DigestResponse {
  readonly userName: string;
  readonly algorithm: DigestAlgorithm;
  readonly response: Uint8Array;
  readonly data: string;
  readonly nonceUse: { readonly nonce: string; readonly count: number; readonly expiresAt: Date };
}

/** The request that the response must be for. */
export interface DigestTarget {
  readonly method: string;
  /** The request target as it came (RFC 9112 section 3.2). */
  readonly target: string;
}

/**
 * Reads the parameters of an Authorization header (RFC 7616 section 3.4), all of which must be as challenged. Those that
 * must or must not be quoted may come either way: Bouncy Castle quotes all of them.
 * @throws StaleNonce, Refusal unauthenticated
 */
export function readDigestResponse(
  parameters: ReadonlyMap<string, string>,
  { method, target }: DigestTarget,
  mint: NonceMint,
  at: Date,
): DigestResponse {
  const { username, nonce, uri, response, cnonce, nc, ...rest } = Object.fromEntries(parameters);
  if (username === undefined || nonce === undefined || uri === undefined || !cnonce)
    throw improper('lacks username, nonce, uri or cnonce');
  if (rest['username*'] !== undefined || rest.userhash?.toLowerCase() === 'true')
    throw improper('has the user name in a form that is not supported (username*, userhash)');
  if (rest.realm !== realm) throw improper(`is not for the realm ${realm}`);
  if (rest.qop?.toLowerCase() !== 'auth') throw improper('has another qop than auth');
  if (uri !== target) throw improper(`is for the uri ${uri.slice(0, 200)}, not for this request's`);
  const algorithm = algorithmNamed(rest.algorithm ?? 'MD5');
  if (!response || !hexadecimal.test(response) || response.length !== 2 * digestLengths[algorithm])
    throw improper(`has a response that is no ${algorithm} digest`);
  const count = nonceCount.test(nc ?? '') ? Number.parseInt(nc ?? '', 16) : 0;
  if (count === 0) throw improper('has an nc that is not a count of 8 hexadecimal digits');
  const expiresAt = mint.expiryOf(nonce, at);
  if (!expiresAt) throw new StaleNonce('The nonce of the Digest response is too old, or not ours.');
  return {
    userName: username,
    algorithm,
    response: Buffer.from(response, 'hex'),
    data: [nonce, nc, cnonce, 'auth', digestOf(algorithm, `${method}:${uri}`)].join(':'),
    nonceUse: { nonce, count, expiresAt },
  };
}

const hexadecimal = /^[0-9a-f]+$/i;
const nonceCount = /^[0-9a-f]{8}$/i;

function algorithmNamed(name: string): DigestAlgorithm {
  const algorithm = digestAlgorithms.find((offered) => offered === name.toUpperCase());
  if (!algorithm) throw improper('has an algorithm that was not offered');
  return algorithm;
}

function improper(what: string) {
  return unauthenticated(`The Digest response ${what} (RFC 7616 section 3.4).`);
}
