/**
 * /pal (RFC 8295 section 2): what there is for this device, and what it is to do, as paths of this server.
 */

import type { Request } from 'express';
import type { Certificate } from '../../ca/certificate.ts';
import { largeCrl } from '../../ca/crl-publisher.ts';
import { Unavailable } from '../../ca/unavailable.ts';
import { requireCredentials } from '../../enrollment/authentication-policy.ts';
import { type Authorized, authorize } from '../../enrollment/authorize.ts';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { authenticate } from './authenticate.ts';
import { caMessageOf } from './ca-certificates.ts';
import { crlMessageOf } from './crls.ts';
import { attributesAt } from './csr-attributes.ts';
import { goodCertificatesOf } from './ee-certificates.ts';
import { type EstExchange, type EstIssuer, issuerOf } from './exchange.ts';
import { certsOnly } from './messages.ts';
import { type PackageType, type PalEntry, type PalFormat, palFormats } from './pal-format.ts';
import { refuse } from './refusals.ts';

export async function locatePackages(exchange: EstExchange): Promise<void> {
  const { request, response } = exchange;
  const format = negotiate(request);
  const authorized = await identify(exchange);
  const body = Buffer.from(format.write(await entriesFor(authorized, exchange)), 'utf8');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Vary', 'Accept');
  response.setHeader('Content-Type', format.mediaType);
  response.setHeader('Content-Length', body.length);
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Without a preference it is the first. @throws Refusal not-acceptable */
function negotiate(request: Request): PalFormat {
  const mediaTypes = palFormats.map(({ mediaType }) => mediaType);
  // Some ask for the encoding that it has anyway.
  const offers = [...mediaTypes, ...mediaTypes.map((type) => `${type};charset=utf-8`)];
  const accepted = request.accepts(offers) || '';
  const format = palFormats.find(({ mediaType }) => accepted.startsWith(mediaType));
  if (!format) throw refuse('not-acceptable', `The list comes as ${mediaTypes.join(' or ')} only.`);
  return format;
}

/** By certificate, or by a one-time password that still can enroll: looking does not spend it. @throws Refusal */
async function identify({
  request,
  parts,
  group,
  requestId,
  note,
}: EstExchange): Promise<Authorized<'consult'>> {
  const context = { requestId, ...(group ? { group } : {}) };
  const known = await authenticate(request, parts.authenticators, context);
  if (!known) throw unauthenticated('The request has neither a client certificate nor a password.');
  const { caller, shown } = known;
  note({ device: caller.device.id, tenant: caller.tenant.id });
  // A certificate is enough to be told: what else the group asks for is asked for when something is issued.
  if (!shown.certificate) requireCredentials(caller.group, shown, 'enrollment');
  if (caller.spentOn !== undefined)
    throw unauthenticated('A spent one-time password can only repeat the request it was spent on.');
  return authorize({ operation: 'consult', caller, called: group });
}

const authority = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]{1,253})(:\d{1,5})?$/;

/**
 * The operations beside this one, under the name by which the client reached us and with its label: what is sure to
 * work for it. @throws Refusal malformed-http
 */
function baseOf({ request, group }: EstExchange): string {
  const { host = '' } = request.headers;
  if (!authority.test(host))
    throw refuse('malformed-http', 'The Host header is missing or names no host.');
  return `https://${host}/.well-known/est${group ? `/${group.label}` : ''}`;
}

/** In the order of precedence of RFC 8295 section 2.3. */
async function entriesFor(
  authorized: Authorized<'consult'>,
  exchange: EstExchange,
): Promise<PalEntry[]> {
  const base = baseOf(exchange);
  const entry = (type: PackageType, operation: string, size: number) => ({
    type,
    size,
    uri: `${base}/${operation}`,
  });
  const { parts } = exchange;
  const issuer = issuerOf(exchange);
  const entries = [entry('caCertificates', 'cacerts', caMessageOf(issuer.announced).der.length)];
  const crl = await crlSize(issuer);
  if (crl !== undefined) entries.push(entry('crls', 'crls', crl));
  const { certificate } = authorized.caller;
  if (!certificate || isInLastThird(certificate, new Date())) {
    // Listed only now: the entry asks the client to begin an enrollment.
    const attributes = await attributesAt(exchange);
    if (attributes) entries.push(entry('startWithAttributes', 'csrattrs', attributes.length));
    entries.push(
      certificate
        ? entry('startReenrollment', 'simplereenroll', 0)
        : entry('startEnrollment', 'simpleenroll', 0),
    );
  }
  if (certificate) {
    const message = certsOnly(await goodCertificatesOf(authorized, parts.ledger));
    entries.push(entry('eeCertificates', 'eecerts', message.length));
  }
  return entries;
}

/** While no CRL can be had the rest of the list is still true. */
async function crlSize({ crls }: EstIssuer): Promise<number | undefined> {
  try {
    const crl = await crls.current();
    // A large one is not to be had at /crls.
    return crl.der.length > largeCrl ? undefined : crlMessageOf(crl).der.length;
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

/** Time to renew. */
function isInLastThird({ notBefore, notAfter }: Certificate, now: Date): boolean {
  const third = (notAfter.getTime() - notBefore.getTime()) / 3;
  return now.getTime() >= notAfter.getTime() - third;
}
