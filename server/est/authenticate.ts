/**
 * Who asks: the credentials of a request into a Caller. Identity is a value, never a yes or no.
 */

import { isIPv6 } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Request } from 'express';
import type { Shown } from '../../enrollment/authentication-policy.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import type { BootstrapCredentialAuthenticator } from '../../enrollment/by-bootstrap-credential.ts';
import type { CertificateAuthenticator } from '../../enrollment/by-certificate.ts';
import type { FactoryCertificateAuthenticator } from '../../enrollment/by-factory-certificate.ts';
import type { PasswordSender } from '../../enrollment/by-one-time-password.ts';
import type { RequestKeyAuthenticator } from '../../enrollment/by-request-key.ts';
import type { SharedSecretAuthenticator } from '../../enrollment/by-shared-secret.ts';
import type { Group } from '../../enrollment/group.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import type { ShownCodes } from '../../enrollment/shown-code.ts';
import { authenticateByHttp, type PasswordAuthenticators } from './http-password.ts';

export interface Authenticators extends PasswordAuthenticators {
  readonly certificate: CertificateAuthenticator;
  readonly factoryCertificate: FactoryCertificateAuthenticator;
  readonly requestKey: RequestKeyAuthenticator;
  readonly bootstrapCredential: BootstrapCredentialAuthenticator;
  readonly shownCodes: ShownCodes;
  readonly sharedSecret: SharedSecretAuthenticator;
}

/** A caller by good credentials; whether they are enough is for the authentication policy. */
export interface Authenticated {
  readonly caller: Caller;
  readonly shown: Shown;
  /** Where a password was shown: what its later failures are counted by. */
  readonly sender?: PasswordSender;
}

/** The group whose path was called, and the request's id. */
interface Context {
  readonly group?: Group;
  readonly requestId: string;
  /** Whether a factory certificate will do: where a certificate is asked for, and nowhere else. */
  readonly factory?: boolean;
}

/**
 * For enrollment. A password that is sent is the credential, whatever certificate the connection has: a device whose
 * certificate has run out is helped with a new password while it still presents the old certificate. The certificate is
 * looked at besides where the group asks for both.
 * @returns undefined when neither is there
 * @throws Refusal
 */
export async function authenticate(
  request: Request,
  authenticators: Authenticators,
  context: Context,
): Promise<Authenticated | undefined> {
  const byPassword = await authenticateByPassword(request, authenticators, context);
  const settings = byPassword?.caller.group.settings;
  const ofMaker = settings?.identity === 'factory-certificate';
  const wanted = !settings || settings.credentials === 'both' || ofMaker;
  if (!wanted || !certificateOf(request)) return byPassword;
  if (context.factory && (!settings || ofMaker)) {
    const caller = await authenticateByFactoryCertificate(request, authenticators, context);
    if (caller) return byPassword ? joined(byPassword, caller) : byFactoryCertificate(caller);
  }
  const holder = await authenticateByCertificate(request, authenticators, context.group);
  return byPassword ? joined(byPassword, holder) : byCertificate(holder);
}

/**
 * For re-enrollment, which is by the certificate to be renewed: no password stands in for it. One is looked at where the
 * group asks for both.
 * @throws Refusal
 */
export async function authenticateRenewal(
  request: Request,
  authenticators: Authenticators,
  context: Context,
): Promise<Authenticated> {
  const holder = await authenticateByCertificate(request, authenticators, context.group);
  if (holder.group.settings.credentials !== 'both') return byCertificate(holder);
  const byPassword = await authenticateByPassword(request, authenticators, context);
  return byPassword ? joined(byPassword, holder) : byCertificate(holder);
}

async function authenticateByPassword(
  request: Request,
  authenticators: Authenticators,
  { group, requestId }: Context,
): Promise<Authenticated | undefined> {
  const from = { source: sourceOf(request), requestId, ...(group ? { group: group.label } : {}) };
  const password = await authenticateByHttp(request, authenticators, from);
  if (!password) return undefined;
  const { caller, scheme, sender } = password;
  const passwords = [{ carrier: scheme, userName: sender.userName }];
  return { caller, shown: { certificate: false, passwords }, sender };
}

/** The TLS client certificate alone counts. @throws Refusal */
export function authenticateByCertificate(
  request: Request,
  { certificate: authenticator }: Authenticators,
  group: Group | undefined,
): Promise<Caller> {
  const certificate = certificateOf(request);
  if (!certificate) throw unauthenticated('The request has no client certificate.');
  return authenticator.identify({ certificate, ...(group ? { group } : {}) });
}

/**
 * The TLS client certificate alone counts, where it is none of ours.
 * @returns undefined where it is one of ours, or cannot be read
 * @throws Refusal
 */
async function authenticateByFactoryCertificate(
  request: Request,
  authenticators: Authenticators,
  { group, requestId }: Context,
): Promise<Caller | undefined> {
  const [certificate, ...chain] = certificatesOf(request);
  if (!certificate || !authenticators.certificate.isForeign(certificate)) return undefined;
  return authenticators.factoryCertificate.identify({
    certificate,
    chain,
    source: sourceOf(request),
    requestId,
    ...(group ? { group } : {}),
  });
}

function byFactoryCertificate(caller: Caller): Authenticated {
  return { caller, shown: { certificate: false, factoryCertificate: true, passwords: [] } };
}

function byCertificate(caller: Caller): Authenticated {
  return { caller, shown: { certificate: true, passwords: [] } };
}

/** The TLS client certificate, DER; nobody has judged it. */
export function certificateOf(request: Request): Buffer | undefined {
  return certificatesOf(request)[0];
}

/** More that came with a client certificate is not looked at. */
const mostCertificates = 12;

const sent = new WeakMap<object, readonly Buffer[]>();

/**
 * The TLS client certificate and what was sent with it, DER, in the order sent; nobody has judged them. Read once for each
 * connection, which has no renegotiation: node takes the chain out of the session with the first call, and later ones
 * find the device's own certificate alone.
 */
function certificatesOf({ socket }: Request): readonly Buffer[] {
  const known = sent.get(socket);
  if (known) return known;
  const certificates: Buffer[] = [];
  let each = (socket as TLSSocket).getPeerX509Certificate?.();
  for (; each && certificates.length < mostCertificates; each = each.issuerCertificate)
    certificates.push(each.raw);
  sent.set(socket, certificates);
  return certificates;
}

/** The password is the credential that is spent; the certificate stands beside it. @throws Refusal unauthenticated */
function joined(byPassword: Authenticated, holder: Caller): Authenticated {
  const { caller, shown } = byPassword;
  const { device, certificate, factorySubject, model } = holder;
  if (caller.device.id !== device.id)
    throw unauthenticated(
      `The password is of device ${caller.device.id}, the client certificate of device ${device.id}.`,
    );
  return {
    ...byPassword,
    caller: {
      ...caller,
      ...(certificate ? { certificate } : {}),
      ...(factorySubject ? { factorySubject } : {}),
      ...(model === undefined ? {} : { model }),
    },
    shown: factorySubject
      ? { ...shown, factoryCertificate: true }
      : { ...shown, certificate: true },
  };
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
