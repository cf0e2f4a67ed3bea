import type { CaChain } from '../../ca/ca-chain.ts';
import type { EstExchange } from './exchange.ts';
import { certsOnly } from './messages.ts';
import { sendUnlessKnown, type TaggedMessage, withEntityTag } from './send-message.ts';

const messages = new WeakMap<CaChain, TaggedMessage>();

/** The same octets for every caller, made once. */
export function caMessageOf(chain: CaChain): TaggedMessage {
  let message = messages.get(chain);
  if (!message) {
    message = withEntityTag(certsOnly([chain.root.der, chain.issuing.der]));
    messages.set(chain, message);
  }
  return message;
}

/** /cacerts (RFC 7030 section 4.1): root and issuing certificate, to anyone, also while the HSM is away. */
export function distributeCaCertificates({ request, response, parts }: EstExchange): void {
  response.setHeader('Cache-Control', 'public, max-age=300');
  // No smime-type parameter here: older Bouncy Castle clients fail on it.
  sendUnlessKnown({ request, response }, 'application/pkcs7-mime', caMessageOf(parts.chain));
}
