/**
 * Who asks: the credentials of a request into a Caller. Identity is a value, never a yes or no.
 */

import { isIPv6 } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Request } from 'express';
import type { Caller } from '../../enrollment/authenticator.ts';
import type { CertificateAuthenticator } from '../../enrollment/by-certificate.ts';
import type {
  OneTimePasswordAuthenticator,
  PasswordCredentials,
} from '../../enrollment/by-one-time-password.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { refuse } from './refusals.ts';

export interface Authenticators {
  readonly oneTimePassword: OneTimePasswordAuthenticator;
  readonly certificate: CertificateAuthenticator;
}

/** A caller and, where a password was the proof, what was sent. */
export interface Authenticated {
  readonly caller: Caller;
  readonly password?: PasswordCredentials;
}

/**
 * A password that is sent is the credential, whatever certificate the connection has: a device whose certificate has
 * run out is helped with a new password while it still presents the old certificate.
 * @throws Refusal
 */
export async function authenticate(
  request: Request,
  authenticators: Authenticators,
  context: { group?: string; requestId: string },
): Promise<Authenticated> {
  const basic = readBasic(request);
  if (basic) {
    const password = { ...basic, ...context, source: sourceOf(request) };
    return { caller: await authenticators.oneTimePassword.identify(password), password };
  }
  return { caller: await authenticateByCertificate(request, authenticators, context.group) };
}

/** The TLS client certificate alone counts. @throws Refusal */
export function authenticateByCertificate(
  request: Request,
  { certificate: authenticator }: Authenticators,
  group: string | undefined,
): Promise<Caller> {
  const certificate = (request.socket as TLSSocket).getPeerX509Certificate?.()?.raw;
  if (!certificate)
    throw unauthenticated('The request has neither a client certificate nor a password.');
  return authenticator.identify({ certificate, ...(group === undefined ? {} : { group }) });
}

const basicCredentials = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** RFC 7617 section 2: the first colon ends the user name. @throws Refusal */
function readBasic(request: Request): { userName: string; password: string } | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  if ((request.headersDistinct.authorization?.length ?? 0) > 1)
    throw refuse('malformed-http', 'The request has more than one Authorization header.');
  const [, encoded] = basicCredentials.exec(authorization) ?? [];
  if (encoded === undefined)
    throw unauthenticated('The Authorization header is not of the Basic scheme (RFC 7617).');
  let text: string;
  try {
    text = utf8.decode(Buffer.from(encoded, 'base64'));
  } catch {
    throw unauthenticated('The Basic credentials are not UTF-8.');
  }
  const colon = text.indexOf(':');
  if (colon < 0) throw unauthenticated('The Basic credentials have no colon.');
  return { userName: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The address failures are counted by: IPv4 as it is, IPv6 by its /64, since a host has all of one to itself. */
export function sourceOf(request: Pick<Request, 'socket'>): string {
  const address = (request.socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  const rest = tail ? tail.split(':').length : 0;
  if (tail !== undefined) while (groups.length < 8 - rest) groups.push('0');
  return `${groups.slice(0, 4).join(':')}::/64`;
}
