/**
 * /simpleenroll and /simplereenroll: who asks, what for, by which connection, the decision, the answer.
 */

import type { TLSSocket } from 'node:tls';
import type { Issued } from '../../ca/certificate-authority.ts';
import { type CertificateRequest, parseCertificateRequest } from '../../ca/certificate-request.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import { enroll } from '../../enrollment/enroll.ts';
import { requireLinking } from '../../enrollment/linking.ts';
import type { EnrollmentOrder } from '../../enrollment/policy.ts';
import { reenroll } from '../../enrollment/reenroll.ts';
import { authenticate, authenticateByCertificate } from './authenticate.ts';
import type { EstExchange } from './exchange.ts';
import { certsOnly, decodeBody } from './messages.ts';
import { sendMessage } from './send-message.ts';
import { channelBindingOf } from './session-binding.ts';

/** RFC 7030 section 4.2.1. */
export async function simpleEnroll(exchange: EstExchange): Promise<void> {
  const { request, parts, group, requestId } = exchange;
  const { authenticators, authority } = parts;
  const context = { requestId, ...(group ? { group: group.label } : {}) };
  const { caller, password } = await authenticate(request, authenticators, context);
  noteCaller(exchange, caller);
  const read = () => readCertificateRequest(exchange);
  const certificateRequest = password
    ? await authenticators.oneTimePassword.readRequest(caller, password, read)
    : await read();
  const order = orderOf(exchange, caller, certificateRequest);
  sendCertificate(exchange, order, await enroll(order, authority));
}

/** RFC 7030 section 4.2.2: the TLS client certificate is the one renewed; a password cannot stand in for it. */
export async function simpleReenroll(exchange: EstExchange): Promise<void> {
  const { request, parts, group } = exchange;
  const caller = await authenticateByCertificate(request, parts.authenticators, group?.label);
  noteCaller(exchange, caller);
  const order = orderOf(exchange, caller, await readCertificateRequest(exchange));
  sendCertificate(exchange, order, await reenroll(order, parts.authority));
}

/** A promise from the first step on, so that a malformed body and a malformed request are refused in one way. */
async function readCertificateRequest({ request }: EstExchange): Promise<CertificateRequest> {
  // Without a body there is nothing for the body reader to put there.
  return parseCertificateRequest(decodeBody(request.body ?? Buffer.alloc(0)));
}

/** Verifies what the request says of its connection, before anything is decided or spent. @throws Refusal */
function orderOf(
  { request, parts, requestId, note }: EstExchange,
  caller: Caller,
  certificateRequest: CertificateRequest,
): EnrollmentOrder {
  const linking = requireLinking(certificateRequest, caller.group, () =>
    channelBindingOf(request.socket as TLSSocket),
  );
  note({ linking });
  const { deviceProfile: profile } = parts;
  return { request: certificateRequest, caller, profile, linking, requestId };
}

function noteCaller({ note }: EstExchange, { device, tenant, credential }: Caller): void {
  note({ device: device.id, tenant: tenant.id, credential: `${credential.kind}:${credential.id}` });
}

/** The issued certificate alone (RFC 7030 section 4.2.3). */
function sendCertificate(
  { request, response, note }: EstExchange,
  { linking }: EnrollmentOrder,
  { certificate, serialNumber, repeated }: Issued,
): void {
  note({ serialNumber, repeated });
  response.setHeader('Cache-Control', 'no-store');
  // One channel binding serves one authentication (RFC 9266 section 4.1).
  if (linking === 'verified') response.setHeader('Connection', 'close');
  const contentType = 'application/pkcs7-mime; smime-type=certs-only';
  sendMessage({ request, response }, contentType, certsOnly([certificate]));
}
