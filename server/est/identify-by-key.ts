/**
 * Who asks, where a group has devices that come without a credential of their own: the request is all there is, and is read
 * before anybody is known.
 */

import type { RequestContent } from '../../ca/certificate-request.ts';
import type { KeyCredentials } from '../../enrollment/by-request-key.ts';
import type { Group } from '../../enrollment/group.ts';
import { isKnownByKey } from '../../enrollment/provisioning.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { certificateOf, sourceOf } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
import { basicCredentialsOf } from './http-password.ts';
import type { Identified } from './identified.ts';

/**
 * @returns undefined where the request shows who asks, or its group wants that shown
 * @throws Refusal
 */
export async function identifyByKey<Content extends RequestContent>(
  exchange: EstExchange,
  read: () => Promise<Content>,
): Promise<Identified<Content> | undefined> {
  const { group, parts } = exchange;
  if (!group || !comesAlone(exchange, group)) return undefined;
  const password = codeIn(exchange, group);
  const request = await read();
  const credentials = { ...keyCredentialsOf(exchange, request), group };
  const caller = await parts.authenticators.requestKey.identify(credentials);
  if (password === undefined) return { caller, request };
  const shownCode = parts.authenticators.shownCodes.conceal(password, request.publicKeyDigest);
  return { caller: { ...caller, shownCode }, request };
}

/** What a request says of the device that made it. */
export function keyCredentialsOf(
  { request: { socket }, requestId }: EstExchange,
  { subjectAttributes, publicKeyDigest }: RequestContent,
): Omit<KeyCredentials, 'group'> {
  const commonName = subjectAttributes.find(({ type }) => type === 'commonName')?.text;
  return { commonName, publicKeyDigest, source: sourceOf({ socket }), requestId };
}

/** A certificate of somebody else's says nothing here: many devices show theirs to every server. */
function comesAlone({ request, parts }: EstExchange, { settings }: Group): boolean {
  if (!isKnownByKey(settings)) return false;
  const { possession } = settings;
  if (possession !== 'shown-code' && possession !== 'none') return false;
  if (possession === 'none' && request.headers.authorization !== undefined) return false;
  const certificate = certificateOf(request);
  return !certificate || parts.authenticators.certificate.isForeign(certificate);
}

/**
 * The code that the device shows; its user name is of no matter.
 * @returns undefined where it sends none, which is enough once its key is confirmed
 */
function codeIn({ request }: EstExchange, { settings }: Group): string | undefined {
  const { authorization } = request.headers;
  if (settings.possession !== 'shown-code' || authorization === undefined) return undefined;
  const basic = basicCredentialsOf(request);
  if (!basic) throw unauthenticated('The Authorization header is not well-formed Basic.');
  return basic.password;
}
