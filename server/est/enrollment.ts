/**
 * /simpleenroll and /simplereenroll: who asks, whether it may, what for, by which connection, the decision, the answer.
 */

import type { Issued } from '../../ca/certificate-authority.ts';
import {
  type CertificateRequest,
  parseCertificateRequest,
  type RequestContent,
} from '../../ca/certificate-request.ts';
import { Refusal } from '../../ca/refusal.ts';
import type { Issuing } from '../../enrollment/authorize.ts';
import { enroll } from '../../enrollment/enroll.ts';
import type { KeylessOrder } from '../../enrollment/policy.ts';
import { reenroll, reenrollAgain } from '../../enrollment/reenroll.ts';
import { certificateOf, sourceOf } from './authenticate.ts';
import { authorizeIssuance } from './authorize-issuance.ts';
import type { EstExchange } from './exchange.ts';
import type { Identified } from './identified.ts';
import { identify, identifyRenewal } from './identify.ts';
import { certsOnly, decodeBody } from './messages.ts';
import { sendMessage } from './send-message.ts';
import { verifyLinking } from './session-binding.ts';

/** RFC 7030 section 4.2.1. */
export async function simpleEnroll(exchange: EstExchange): Promise<void> {
  const identified = await identify(exchange, () => readCertificateRequest(exchange));
  const order = orderOf(exchange, 'enroll', identified);
  sendCertificate(exchange, await enroll(order, exchange.parts));
}

/** RFC 7030 section 4.2.2. */
export async function simpleReenroll(exchange: EstExchange): Promise<void> {
  sendCertificate(exchange, await renewed(exchange));
}

async function renewed(exchange: EstExchange): Promise<Issued> {
  try {
    const identified = await identifyRenewal(exchange, () => readCertificateRequest(exchange));
    return await reenroll(orderOf(exchange, 'reenroll', identified), exchange.parts);
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'certificate-revoked')) throw error;
    const again = await renewedBefore(exchange);
    if (!again) throw error;
    return again;
  }
}

/**
 * The one thing that a revoked certificate is still good for, where the renewal it asked for was what revoked it: that
 * answer again, which may have been lost. For all else, and whatever is wrong here, it stays refused as revoked.
 */
async function renewedBefore(exchange: EstExchange): Promise<Issued | undefined> {
  const { request, parts, group, note } = exchange;
  const certificate = certificateOf(request);
  if (!certificate) return undefined;
  try {
    const credentials = { certificate, ...(group ? { group } : {}) };
    const { formerly: caller } =
      await parts.authenticators.certificate.holderOfSuperseded(credentials);
    const identified = { caller, request: await readCertificateRequest(exchange) };
    const order = orderOf(exchange, 'repeat', identified);
    note({ device: caller.device.id, tenant: caller.tenant.id });
    return await reenrollAgain(order, parts.ledger);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** A promise from the first step on, so that a malformed body and a malformed request are refused in one way. */
async function readCertificateRequest({ request }: EstExchange): Promise<CertificateRequest> {
  // Without a body there is nothing for the body reader to put there.
  return parseCertificateRequest(decodeBody(request.body ?? Buffer.alloc(0)));
}

/**
 * Authorises it, and verifies what the request says of its connection, before anything is decided or spent.
 * @throws Refusal
 */
export function orderOf<Of extends Issuing, Content extends RequestContent>(
  exchange: EstExchange,
  operation: Of,
  { caller, request: certificateRequest }: Identified<Content>,
): KeylessOrder<Of> & { readonly request: Content } {
  const { request, response, parts, requestId, note } = exchange;
  const authorized = authorizeIssuance(exchange, operation, caller);
  const linking = verifyLinking({ request, response }, certificateRequest, caller);
  note({ linking });
  const { revocationChallenge } = certificateRequest.challenges;
  return {
    request: certificateRequest,
    authorized,
    linking,
    ...(revocationChallenge === undefined
      ? {}
      : { revocationChallenge: parts.revocationChallenges.conceal(revocationChallenge) }),
    allocation: parts.allocation.current,
    source: sourceOf(request),
    requestId,
  };
}

/** The issued certificate alone (RFC 7030 section 4.2.3). */
function sendCertificate(
  { request, response, note }: EstExchange,
  { certificate, serialNumber, repeated }: Issued,
): void {
  note({ serialNumber, repeated });
  response.setHeader('Cache-Control', 'no-store');
  const contentType = 'application/pkcs7-mime; smime-type=certs-only';
  sendMessage({ request, response }, contentType, certsOnly([certificate]));
}
