import type { CaCertificate } from '../../ca/ca-chain.ts';
import { type EstExchange, issuerOf } from './exchange.ts';
import { certsOnly } from './messages.ts';
import { sendUnlessKnown, type TaggedMessage, withEntityTag } from './send-message.ts';

const messages = new WeakMap<readonly CaCertificate[], TaggedMessage>();

/** The same octets for every caller, made once. */
export function caMessageOf(announced: readonly CaCertificate[]): TaggedMessage {
  let message = messages.get(announced);
  if (!message) {
    message = withEntityTag(certsOnly(announced.map(({ der }) => der)));
    messages.set(announced, message);
  }
  return message;
}

/** /cacerts (RFC 7030 section 4.1): what the issuer announces, to anyone, also while the HSM is away. */
export function distributeCaCertificates(exchange: EstExchange): void {
  const { request, response } = exchange;
  response.setHeader('Cache-Control', 'public, max-age=300');
  // No smime-type parameter here: older Bouncy Castle clients fail on it.
  sendUnlessKnown(
    { request, response },
    'application/pkcs7-mime',
    caMessageOf(issuerOf(exchange).announced),
  );
}
