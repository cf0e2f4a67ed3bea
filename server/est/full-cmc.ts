/**
 * /fullcmc (RFC 7030 section 4.3): Full PKI Requests of CMC (RFC 5272), answered by a key in the token that may.
 */

import { WorkQueue } from '../../ca/work-queue.ts';
import { failureOf } from './cmc/cmc-failure.ts';
import { hasSucceeded, nothing, type Outcome, respond, statusOf } from './cmc/outcome.ts';
import { processMessage } from './cmc/process-message.ts';
import { type CmcSigner, type EstExchange, issuerOf } from './exchange.ts';
import { certsOnly, decodeBody } from './messages.ts';
import { refuse } from './refusals.ts';
import { RefusedMessage } from './refused-message.ts';
import { sendMessage } from './send-message.ts';

const certsOnlyType = 'application/pkcs7-mime; smime-type=certs-only';
const cmcResponseType = 'application/pkcs7-mime; smime-type=CMC-response';

/**
 * Every answer costs a signature in the token, also one to somebody who only wants to cost us signatures: those take turns,
 * and are told to come later when there are too many.
 */
const answersToStrangers = new WorkQueue({
  work: 'answering of messages from nobody known',
  atOnce: 1,
  waiting: 64,
  patience: 2000,
});

/** @throws RefusedMessage where nothing was granted; Refusal where there is no key to sign an answer with; Unavailable */
export async function fullCmc(exchange: EstExchange): Promise<void> {
  const { request, response } = exchange;
  const { authority, cmcSigner } = issuerOf(exchange);
  // RFC 7030 section 4.3.2: a client takes this to mean that Full CMC is not offered.
  if (!cmcSigner)
    throw refuse(
      'unknown-path',
      'Full CMC is not offered: the CA has no key to sign its answers with.',
    );
  requireCmcRequest(request.headers['content-type']);
  const outcome = await outcomeOf(exchange, cmcSigner);
  const { der: issuer } = authority.issuer;
  if (isSimple(outcome)) {
    response.setHeader('Cache-Control', 'no-store');
    const certificates = certsOnly([...outcome.certificates, issuer]);
    sendMessage({ request, response }, certsOnlyType, certificates);
    return;
  }
  const sign = () => respond(outcome, cmcSigner, issuer);
  const der = await (outcome.known ? sign() : answersToStrangers.run(sign));
  if (outcome.error !== undefined && !hasSucceeded(outcome))
    throw new RefusedMessage(outcome.error, cmcResponseType, der);
  response.setHeader('Cache-Control', 'no-store');
  sendMessage({ request, response }, cmcResponseType, der);
}

/** Also a body that is no base64 is refused by a Full PKI Response (RFC 7030 section 4.3.1). */
async function outcomeOf(exchange: EstExchange, signer: CmcSigner): Promise<Outcome> {
  let message: Buffer;
  try {
    // Without a body there is nothing for the body reader to put there.
    message = decodeBody(exchange.request.body ?? Buffer.alloc(0));
  } catch (error) {
    const failure = failureOf(error);
    const statuses = [statusOf(failure, exchange)];
    return { echo: {}, known: false, ...nothing, statuses, error: failure.cause };
  }
  return processMessage(exchange, signer, message);
}

const smimeType = /;\s*smime-type\s*=\s*"?([^\s;"]*)"?/i;

/** RFC 5273 table 1; a client that leaves the parameter out can mean nothing else. @throws Refusal */
function requireCmcRequest(contentType = ''): void {
  const [, type] = smimeType.exec(contentType) ?? [];
  if (type !== undefined && type.toLowerCase() !== 'cmc-request')
    throw refuse(
      'unsupported-media-type',
      'The smime-type of the Content-Type must be CMC-request (RFC 7030 section 4.3.1).',
    );
}

/** Where nothing but certificates is to be said, a Simple PKI Response says it (RFC 5272 section 3.2). */
function isSimple({ echo, statuses, certificates, contents }: Outcome): boolean {
  return (
    Object.keys(echo).length === 0 &&
    contents.length === 0 &&
    certificates.length === statuses.length &&
    statuses.every(({ status }) => status === 'success')
  );
}
