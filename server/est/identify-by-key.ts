/**
 * Who asks, where a group has devices that come without a credential of their own: the request is all there is, and is read
 * before anybody is known.
 */

import type { RequestContent } from '../../ca/certificate-request.ts';
import type { KeyCredentials } from '../../enrollment/by-request-key.ts';
import type { Group } from '../../enrollment/group.ts';
import { isKnownByKey } from '../../enrollment/provisioning.ts';
import { certificateOf, sourceOf } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
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
  const request = await read();
  const credentials = { ...keyCredentialsOf(exchange, request), group };
  return { caller: await parts.authenticators.requestKey.identify(credentials), request };
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
  if (!isKnownByKey(settings) || settings.possession !== 'none') return false;
  if (request.headers.authorization !== undefined) return false;
  const certificate = certificateOf(request);
  return !certificate || parts.authenticators.certificate.isForeign(certificate);
}
