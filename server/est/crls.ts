import { largeCrl } from '../../ca/crl-publisher.ts';
import type { CrlRecord } from '../../ca/crl-store.ts';
import { type EstExchange, issuerOf } from './exchange.ts';
import { crlsOnly } from './messages.ts';
import { refuse } from './refusals.ts';
import { sendUnlessKnown, type TaggedMessage, withEntityTag } from './send-message.ts';

const messages = new WeakMap<CrlRecord, TaggedMessage>();

/** The same octets for every caller, made once for each CRL. */
export function crlMessageOf(crl: CrlRecord): TaggedMessage {
  let message = messages.get(crl);
  if (!message) {
    message = withEntityTag(crlsOnly([crl.der]));
    messages.set(crl, message);
  }
  return message;
}

/**
 * /crls (RFC 8295 section 4): the CRL of the issuing CA, to anyone. A cache may keep it, but has to ask each time whether
 * something was revoked since. A large one is for the distribution point alone: as one message of base64 it would be more
 * than a device takes, and more than the server encodes beside other work.
 */
export async function distributeCrls(exchange: EstExchange): Promise<void> {
  const { request, response, note } = exchange;
  const crl = await issuerOf(exchange).crls.current();
  if (crl.der.length > largeCrl)
    throw refuse(
      'unknown-path',
      'The CRL is too large for this path; it is at the CRL distribution point of the certificates.',
    );
  note({ crl: crl.number });
  response.setHeader('Last-Modified', crl.thisUpdate.toUTCString());
  response.setHeader('Cache-Control', 'public, no-cache');
  const contentType = 'application/pkcs7-mime; smime-type=crls-only';
  sendUnlessKnown({ request, response }, contentType, crlMessageOf(crl));
}
