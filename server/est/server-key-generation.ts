/**
 * /serverkeygen (RFC 7030 section 4.4): who asks, what for, the key and its certificate in one answer.
 */

import { parseKeylessRequest, type RequestContent } from '../../ca/certificate-request.ts';
import type { DeliveredKey } from '../../enrollment/delivered-answers.ts';
import { asKeyless, generateKey, type IssuedWithKey } from '../../enrollment/generate-key.ts';
import type { Group } from '../../enrollment/group.ts';
import { orderOf } from './enrollment.ts';
import type { EstExchange, EstParts } from './exchange.ts';
import { identify } from './identify.ts';
import { certsOnly, decodeBody } from './messages.ts';
import { encodeMultipart, multipartMixed } from './multipart.ts';

/** Whether there is a group that it may be for; where there is none, nobody is asked to authenticate first. */
export async function offersKeyGeneration(
  { tenants }: EstParts,
  group: Group | undefined,
): Promise<boolean> {
  const groups = group ? [group] : await tenants.groups({});
  return groups.some(({ settings }) => settings.serverKeys !== 'off');
}

export async function generateKeyOnServer(exchange: EstExchange): Promise<void> {
  const identified = await identify(exchange, () => readKeylessRequest(exchange));
  const order = orderOf(exchange, 'serverkeygen', identified);
  sendKeyAndCertificate(exchange, await generateKey(order, exchange.parts));
}

async function readKeylessRequest({ request }: EstExchange): Promise<RequestContent> {
  return asKeyless(parseKeylessRequest(decodeBody(request.body ?? Buffer.alloc(0))));
}

const mediaTypes: Record<DeliveredKey['form'], string> = {
  pkcs8: 'application/pkcs8',
  enveloped: 'application/pkcs7-mime; smime-type=server-generated-key',
};

/** The key comes first, as in the example of RFC 7030 appendix A.4. */
function sendKeyAndCertificate(
  { response, note }: EstExchange,
  { issued, key }: IssuedWithKey,
): void {
  const { certificate, serialNumber, repeated } = issued;
  note({ serialNumber, repeated, keyDelivery: key.form });
  const body = encodeMultipart([
    { contentType: mediaTypes[key.form], der: key.der },
    { contentType: 'application/pkcs7-mime; smime-type=certs-only', der: certsOnly([certificate]) },
  ]);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Type', multipartMixed);
  response.setHeader('Content-Length', body.length);
  response.end(body, () => body.fill(0));
}
