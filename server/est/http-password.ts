/**
 * One-time passwords that come by HTTP authentication (RFC 7030 section 3.2.3): Basic (RFC 7617) or Digest (RFC 7616).
 */

import type { Request } from 'express';
import { Refusal } from '../../ca/refusal.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import type { DigestAuthenticator } from '../../enrollment/by-digest.ts';
import type {
  OneTimePasswordAuthenticator,
  PasswordSender,
} from '../../enrollment/by-one-time-password.ts';
import type { PasswordScheme } from '../../enrollment/group-settings.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { readAuthorization } from './authorization-header.ts';
import { readDigestResponse } from './digest-authentication.ts';
import type { NonceMint } from './digest-nonce.ts';
import { refuse } from './refusals.ts';

export interface PasswordAuthenticators {
  readonly oneTimePassword: OneTimePasswordAuthenticator;
  readonly digest: DigestAuthenticator;
  readonly nonces: NonceMint;
}

interface BasicCredentials {
  readonly userName: string;
  readonly password: string;
}

/** A good password: whose it is, how it came, and what its failures would be counted by. */
export interface HttpPassword {
  readonly caller: Caller;
  readonly scheme: PasswordScheme;
  readonly sender: PasswordSender;
}

/**
 * @param from where the request comes from
 * @returns undefined when the request has no Authorization header
 * @throws Refusal
 */
export async function authenticateByHttp(
  request: Request,
  { oneTimePassword, digest, nonces }: PasswordAuthenticators,
  from: Omit<PasswordSender, 'userName'>,
): Promise<HttpPassword | undefined> {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  if ((request.headersDistinct.authorization?.length ?? 0) > 1)
    throw refuse('malformed-http', 'The request has more than one Authorization header.');
  const { scheme, token68, parameters } = readAuthorization(authorization) ?? {};
  if (scheme === 'basic' && token68 !== undefined) {
    const { userName, password } = readBasic(token68);
    const sender = { ...from, userName };
    return { caller: await oneTimePassword.identify({ ...sender, password }), scheme, sender };
  }
  if (scheme === 'digest' && parameters) {
    const target = { method: request.method, target: request.originalUrl };
    const response = readDigestResponse(parameters, target, nonces, new Date());
    const sender = { ...from, userName: response.userName };
    return { caller: await digest.identify({ ...sender, ...response }), scheme, sender };
  }
  throw unauthenticated('The Authorization header is not well-formed Basic or Digest.');
}

/** What came by HTTP Basic. @returns undefined where nothing did, or it is not well-formed: nobody is refused here */
export function basicCredentialsOf(request: Request): BasicCredentials | undefined {
  const [authorization, ...more] = request.headersDistinct.authorization ?? [];
  if (authorization === undefined || more.length > 0) return undefined;
  const { scheme, token68 } = readAuthorization(authorization) ?? {};
  if (scheme !== 'basic' || token68 === undefined) return undefined;
  try {
    return readBasic(token68);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** RFC 7617 section 2: the first colon ends the user name. @throws Refusal */
function readBasic(token68: string): BasicCredentials {
  if (!base64.test(token68)) throw unauthenticated('The Basic credentials are not base64.');
  let text: string;
  try {
    text = utf8.decode(Buffer.from(token68, 'base64'));
  } catch {
    throw unauthenticated('The Basic credentials are not UTF-8.');
  }
  const colon = text.indexOf(':');
  if (colon < 0) throw unauthenticated('The Basic credentials have no colon.');
  return { userName: text.slice(0, colon), password: text.slice(colon + 1) };
}
