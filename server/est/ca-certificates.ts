import { hash } from 'node:crypto';
import type { CaChain } from '../../ca/ca-chain.ts';
import type { EstExchange } from './exchange.ts';
import { certsOnly } from './messages.ts';
import { sendMessage } from './send-message.ts';

const messages = new WeakMap<CaChain, { der: Uint8Array; etag: string }>();

/** The same octets for every caller, made once. */
export function caMessageOf(chain: CaChain): { der: Uint8Array; etag: string } {
  let message = messages.get(chain);
  if (!message) {
    const der = certsOnly([chain.root.der, chain.issuing.der]);
    const etag = `"${hash('sha256', der, 'base64url').slice(0, 22)}"`;
    message = { der, etag };
    messages.set(chain, message);
  }
  return message;
}

/** /cacerts (RFC 7030 section 4.1): root and issuing certificate, to anyone, also while the HSM is away. */
export function distributeCaCertificates({ request, response, parts }: EstExchange): void {
  const { der, etag } = caMessageOf(parts.chain);
  response.setHeader('ETag', etag);
  response.setHeader('Cache-Control', 'public, max-age=300');
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  // No smime-type parameter here: older Bouncy Castle clients fail on it.
  sendMessage({ request, response }, 'application/pkcs7-mime', der);
}
