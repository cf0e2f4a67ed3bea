/**
 * Who asks, where a batch of devices shares a credential: it comes by HTTP Basic, with its id as user name, and the key of
 * the request says which device of the batch it is.
 */

import type { RequestContent } from '../../ca/certificate-request.ts';
import { readBootstrapId } from '../../enrollment/bootstrap-credential.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { sourceOf } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
import { basicCredentialsOf } from './http-password.ts';
import type { Identified } from './identified.ts';
import { keyCredentialsOf } from './identify-by-key.ts';

/**
 * @returns undefined where nobody says to have such a credential
 * @throws Refusal
 */
export async function identifyByBootstrapCredential<Content extends RequestContent>(
  exchange: EstExchange,
  read: () => Promise<Content>,
): Promise<Identified<Content> | undefined> {
  const { group, parts, requestId } = exchange;
  const basic = basicCredentialsOf(exchange.request);
  const userName = readBootstrapId(basic?.userName ?? '');
  if (!basic || userName === undefined) return undefined;
  const { bootstrapCredential } = parts.authenticators;
  const shown = await bootstrapCredential.verify({
    userName,
    password: basic.password,
    source: sourceOf(exchange.request),
    requestId,
    ...(group ? { group: group.label } : {}),
  });
  const request = await read();
  // A key that nobody has proven to hold tells no device from another.
  if (!('publicKey' in request))
    throw unauthenticated(
      'A bootstrap credential is no credential where the server makes the key.',
    );
  const caller = await bootstrapCredential.identify(shown, keyCredentialsOf(exchange, request));
  return { caller, request };
}
