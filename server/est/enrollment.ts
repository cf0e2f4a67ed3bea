/**
 * /simpleenroll and /simplereenroll: who asks, what for, by which connection, the decision, the answer.
 */

import type { Issued } from '../../ca/certificate-authority.ts';
import {
  type CertificateRequest,
  parseCertificateRequest,
  type RequestContent,
} from '../../ca/certificate-request.ts';
import { enroll } from '../../enrollment/enroll.ts';
import type { KeylessOrder } from '../../enrollment/policy.ts';
import { reenroll } from '../../enrollment/reenroll.ts';
import { sourceOf } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
import { type Identified, identify, identifyRenewal } from './identify.ts';
import { certsOnly, decodeBody } from './messages.ts';
import { sendMessage } from './send-message.ts';
import { verifyLinking } from './session-binding.ts';

/** RFC 7030 section 4.2.1. */
export async function simpleEnroll(exchange: EstExchange): Promise<void> {
  const identified = await identify(exchange, () => readCertificateRequest(exchange));
  const order = orderOf(exchange, identified);
  sendCertificate(exchange, await enroll(order, exchange.parts));
}

/** RFC 7030 section 4.2.2. */
export async function simpleReenroll(exchange: EstExchange): Promise<void> {
  const identified = await identifyRenewal(exchange, () => readCertificateRequest(exchange));
  const order = orderOf(exchange, identified);
  sendCertificate(exchange, await reenroll(order, exchange.parts));
}

/** A promise from the first step on, so that a malformed body and a malformed request are refused in one way. */
async function readCertificateRequest({ request }: EstExchange): Promise<CertificateRequest> {
  // Without a body there is nothing for the body reader to put there.
  return parseCertificateRequest(decodeBody(request.body ?? Buffer.alloc(0)));
}

/** Verifies what the request says of its connection, before anything is decided or spent. @throws Refusal */
export function orderOf<Content extends RequestContent>(
  { request, response, parts, requestId, note }: EstExchange,
  { caller, request: certificateRequest }: Identified<Content>,
): KeylessOrder & { readonly request: Content } {
  const linking = verifyLinking({ request, response }, certificateRequest, caller);
  note({ linking });
  const { revocationChallenge } = certificateRequest.challenges;
  return {
    request: certificateRequest,
    caller,
    profile: parts.profiles[caller.device.role],
    linking,
    ...(revocationChallenge === undefined
      ? {}
      : { revocationChallenge: parts.revocationChallenges.conceal(revocationChallenge) }),
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
