import { hash } from 'node:crypto';
import type { CrlRecord } from '../../ca/crl-store.ts';
import type { EstExchange } from './exchange.ts';
import { crlsOnly } from './messages.ts';
import { sendMessage } from './send-message.ts';

const messages = new WeakMap<CrlRecord, { der: Uint8Array; etag: string }>();

/** The same octets for every caller, made once for each CRL. */
export function crlMessageOf(crl: CrlRecord): { der: Uint8Array; etag: string } {
  let message = messages.get(crl);
  if (!message) {
    const der = crlsOnly([crl.der]);
    message = { der, etag: `"${hash('sha256', der, 'base64url').slice(0, 22)}"` };
    messages.set(crl, message);
  }
  return message;
}

/**
 * /crls (RFC 8295 section 4): the CRL of the issuing CA, to anyone. A cache may keep it, but has to ask each time whether
 * something was revoked since.
 */
export async function distributeCrls({
  request,
  response,
  parts,
  note,
}: EstExchange): Promise<void> {
  const crl = await parts.crls.current();
  const { der, etag } = crlMessageOf(crl);
  note({ crl: crl.number });
  response.setHeader('ETag', etag);
  response.setHeader('Last-Modified', crl.thisUpdate.toUTCString());
  response.setHeader('Cache-Control', 'public, no-cache');
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  sendMessage({ request, response }, 'application/pkcs7-mime; smime-type=crls-only', der);
}
