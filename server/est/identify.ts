/**
 * Who asks, and for whom: by the connection, by HTTP, and by what the request itself carries. All that is there must hold.
 */

import type { TLSSocket } from 'node:tls';
import type { RequestContent } from '../../ca/certificate-request.ts';
import { Refusal } from '../../ca/refusal.ts';
import {
  objectionTo,
  type Purpose,
  requireCredentials,
  type Shown,
} from '../../enrollment/authentication-policy.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import type { Group } from '../../enrollment/group.ts';
import { holdsChannelBinding } from '../../enrollment/linking.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { subscriberOf, withCertificateToRenew } from '../../enrollment/registration-authority.ts';
import { passwordIn, type RequestPassword } from '../../enrollment/request-password.ts';
import { type Authenticated, authenticate, authenticateRenewal, sourceOf } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
import type { Identified } from './identified.ts';
import { identifyByBootstrapCredential } from './identify-by-bootstrap-credential.ts';
import { identifyByKey } from './identify-by-key.ts';
import { channelBindingOf } from './session-binding.ts';

/**
 * Identifies who asks for a first or further certificate.
 * @param read reads the body; its refusals are heard by those alone who are known
 * @throws Refusal
 */
export async function identify<Content extends RequestContent>(
  exchange: EstExchange,
  read: () => Promise<Content>,
): Promise<Identified<Content>> {
  const { request, parts } = exchange;
  const byKey =
    (await identifyByBootstrapCredential(exchange, read)) ?? (await identifyByKey(exchange, read));
  if (byKey) {
    noteCaller(exchange, byKey.caller);
    return byKey;
  }
  const context = { ...contextOf(exchange), factory: true };
  const known = await authenticate(request, parts.authenticators, context);
  return identifyFor('enrollment', exchange, known, read);
}

/**
 * Identifies who asks for a renewal: by the TLS client certificate, for which no password can stand in.
 * @throws Refusal
 */
export async function identifyRenewal<Content extends RequestContent>(
  exchange: EstExchange,
  read: () => Promise<Content>,
): Promise<Identified<Content>> {
  const { parts } = exchange;
  const known = await authenticateRenewal(
    exchange.request,
    parts.authenticators,
    contextOf(exchange),
  );
  const { caller, request } = await identifyFor('re-enrollment', exchange, known, read);
  return {
    caller: await withCertificateToRenew(caller, request, parts.ledger, new Date()),
    request,
  };
}

function contextOf({ group, requestId }: EstExchange) {
  return { requestId, ...(group ? { group } : {}) };
}

const nothing: Shown = { certificate: false, passwords: [] };

/**
 * Adds what the request itself says, for whom a registration authority asks and a one-time password, and sees whether all
 * that was shown is what the group asks for. What a registration authority shows is judged by its own group.
 */
export async function identifyFor<Content extends RequestContent>(
  purpose: Purpose,
  exchange: EstExchange,
  known: Authenticated | undefined,
  read: () => Promise<Content>,
): Promise<Identified<Content>> {
  if (known) noteCaller(exchange, known.caller);
  const { parts, group } = exchange;
  const shown = known?.shown ?? nothing;
  const heard = known && objectionTo(known.caller.group, shown, purpose) === undefined;
  const request = await readFrom(exchange, known, heard ? read : () => readFromStranger(read));
  const asker = known && (await subscriberOf(known.caller, request, group, parts.devices));
  const password = await passwordOf(exchange, asker, request);
  const caller = password ? await identifyByPassword(exchange, asker, request, password) : asker;
  if (!caller)
    throw unauthenticated('The request has neither a client certificate nor a password.');
  noteCaller(exchange, caller);
  if (known && caller.relayedBy) requireCredentials(known.caller.group, shown, purpose);
  else requireCredentials(caller.group, withPassword(shown, password), purpose);
  return { caller, request };
}

function withPassword(shown: Shown, password: RequestPassword | undefined): Shown {
  if (!password) return shown;
  return { ...shown, passwords: [...shown.passwords, { carrier: password.carrier }] };
}

function readFrom<Content extends RequestContent>(
  { parts }: EstExchange,
  known: Authenticated | undefined,
  read: () => Promise<Content>,
): Promise<Content> {
  return known?.sender
    ? parts.authenticators.oneTimePassword.readRequest(known.caller, known.sender, read)
    : read();
}

/** Who has not shown enough may have put a one-time password into the request, and learns nothing else about it. */
async function readFromStranger<Content>(read: () => Promise<Content>): Promise<Content> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw unauthenticated(
      `The credentials outside of the request are not enough, and it cannot be read: ${error.message}`,
    );
  }
}

async function passwordOf(
  exchange: EstExchange,
  asker: Caller | undefined,
  { challenges }: RequestContent,
): Promise<RequestPassword | undefined> {
  const { socket } = exchange.request;
  const groups = await groupsToAsk(exchange, asker, challenges);
  const isLinking = (text: string) =>
    holdsChannelBinding(text, channelBindingOf(socket as TLSSocket));
  return passwordIn(challenges, groups, isLinking);
}

/** Groups that say what challengePassword means; a stranger may turn out to be in any. */
async function groupsToAsk(
  { group, parts }: EstExchange,
  asker: Caller | undefined,
  { challengePassword }: RequestContent['challenges'],
): Promise<Group[]> {
  if (challengePassword === undefined) return [];
  if (asker) return [asker.group];
  return group ? [group] : parts.tenants.groups({});
}

async function identifyByPassword(
  exchange: EstExchange,
  asker: Caller | undefined,
  request: RequestContent,
  { password, carrier }: RequestPassword,
): Promise<Caller> {
  const { parts, group, requestId } = exchange;
  const { oneTimePassword } = parts.authenticators;
  const userName = request.subjectAttributes.find(({ type }) => type === 'commonName')?.text ?? '';
  const source = sourceOf(exchange.request);
  const credentials = {
    userName,
    password,
    source,
    requestId,
    ...(group ? { group: group.label } : {}),
  };
  const caller = await oneTimePassword.identify(credentials);
  const conflict = conflictOf(caller, asker, carrier);
  if (conflict) return oneTimePassword.fail(credentials, conflict);
  await oneTimePassword.readRequest(caller, credentials, async () => request);
  const { certificate, relayedBy } = asker ?? {};
  return {
    ...caller,
    ...(certificate ? { certificate } : {}),
    ...(relayedBy ? { relayedBy } : {}),
  };
}

/** Why a good password still does not do beside what else was shown. */
function conflictOf(
  { device, group, credential }: Caller,
  asker: Caller | undefined,
  carrier: RequestPassword['carrier'],
): string | undefined {
  if (carrier === 'challengePassword' && group.settings.challengePassword !== 'one-time-password')
    return `The group ${group.label} takes no password in challengePassword.`;
  if (!asker) return undefined;
  if (asker.device.id !== device.id)
    return `The one-time password in the request is of ${device.id}, the other credential of ${asker.device.id}.`;
  if (asker.credential.kind === 'one-time-password' && asker.credential.id !== credential.id)
    return 'The request and its HTTP authentication have different one-time passwords.';
  return undefined;
}

function noteCaller(
  { note }: EstExchange,
  { device, tenant, credential, relayedBy }: Caller,
): void {
  note({
    device: device.id,
    tenant: tenant.id,
    credential: `${credential.kind}:${credential.id}`,
    ...(relayedBy ? { relayedBy: relayedBy.id } : {}),
  });
}
