/**
 * OCSP over HTTP (RFC 6960 appendix A, RFC 9919 section 6). Once a request was received whole, the status of its answer is
 * in the answer; that of HTTP is 200.
 */

import { type CertificateId, type OcspRequest, readOcspRequest } from '../../ca/ocsp-request.ts';
import type { OcspAnswer, OcspResponder } from '../../ca/ocsp-responder.ts';
import { type OcspErrorStatus, ocspError } from '../../ca/ocsp-response.ts';
import { Refusal } from '../../ca/refusal.ts';
import { Unavailable } from '../../ca/unavailable.ts';
import { withEntityTag } from '../est/send-message.ts';
import { bodyReader, requireMediaType } from '../read-request.ts';
import type { StatusExchange } from './exchange.ts';
import { statusPaths } from './locations.ts';
import { readOcspPath } from './ocsp-path.ts';
import { sendCacheable, sendDer } from './send-cacheable.ts';

const contentType = 'application/ocsp-response';
/** Enough for sixteen certificates, and a signature with its certificates. */
const readBody = bodyReader(16 * 1024);

/** @throws Refusal when what was sent is no OCSP request to begin with */
export async function answerOcsp(exchange: StatusExchange): Promise<void> {
  const { request, response, note } = exchange;
  if (request.method === 'POST') {
    requireMediaType(request, 'application/ocsp-request');
    await readBody(request);
  }
  const answer = await answerOrError(exchange);
  if (typeof answer === 'string') {
    note({ ocsp: answer });
    response.setHeader('Cache-Control', 'no-store');
    sendDer(exchange, contentType, ocspError(answer));
    return;
  }
  note({ ocsp: 'successful', statuses: answer.statuses });
  sendAnswer(exchange, answer);
}

async function answerOrError(exchange: StatusExchange): Promise<OcspAnswer | OcspErrorStatus> {
  const { note, parts, requestId } = exchange;
  try {
    const asked = readRequest(exchange);
    const responder = responderFor(asked.certificates, parts.responders);
    return (await responder?.answer(asked)) ?? 'unauthorized';
  } catch (error) {
    if (error instanceof Refusal) {
      note({ refusal: error.code, reason: error.message });
      return 'malformedRequest';
    }
    parts.logger.error({ requestId, err: error }, 'fault');
    return error instanceof Unavailable ? 'tryLater' : 'internalError';
  }
}

/** An answer is signed in the name of one issuer: that of the first certificate whose issuer is one of ours. */
function responderFor(
  certificates: readonly CertificateId[],
  responders: readonly OcspResponder[],
): OcspResponder | undefined {
  const namedBy = (id: CertificateId) => responders.find((each) => each.namesIssuer(id));
  return certificates.map(namedBy).find((found) => found !== undefined);
}

function readRequest({ request, parts }: StatusExchange): OcspRequest {
  if (request.method !== 'POST')
    return readOcspPath(request.path.slice(statusPaths.ocsp.length), (id) =>
      parts.responders.some((responder) => responder.namesIssuer(id)),
    );
  // Without a body there is none to read.
  return readOcspRequest(request.body instanceof Buffer ? request.body : Buffer.alloc(0));
}

/** What is unknown may be issued the next moment. */
function sendAnswer(
  exchange: StatusExchange,
  { der, statuses, thisUpdate, nextUpdate }: OcspAnswer,
): void {
  if (statuses.includes('unknown')) {
    exchange.response.setHeader('Cache-Control', 'no-store');
    sendDer(exchange, contentType, der);
    return;
  }
  sendCacheable(exchange, {
    contentType,
    ...withEntityTag(der),
    lastModified: thisUpdate,
    expires: nextUpdate,
  });
}
