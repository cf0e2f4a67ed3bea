/**
 * What relying parties fetch by plain HTTP: CRL, the CA's certificates, OCSP. All of it is signed, and nobody has to say who
 * they are.
 */

import express, { type ErrorRequestHandler, type Express } from 'express';
import { answerFor, refuse } from '../est/refusals.ts';
import { endIfUpgrade, requireMethod } from '../read-request.ts';
import { logRequests } from '../request-log.ts';
import { distributeCaCertificate } from './ca-certificate.ts';
import { distributeCrl } from './crl.ts';
import type { StatusExchange, StatusParts } from './exchange.ts';
import { statusPaths } from './locations.ts';
import { answerOcsp } from './ocsp.ts';

interface Operation {
  readonly methods: readonly string[];
  does(exchange: StatusExchange): Promise<void> | void;
}

const fetched = ['GET', 'HEAD'];

/** The status service as an express application; the listener is server/listener.ts. */
export function statusApp(parts: StatusParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(logRequests(parts.logger));
  app.use(endIfUpgrade);
  app.use(async (request, response) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    const operation = operationAt(request.path, parts);
    if (!operation) throw refuse('unknown-path', 'There is nothing at this path.');
    requireMethod(request, response, operation.methods);
    await operation.does({
      request,
      response,
      parts,
      requestId: response.locals.requestId,
      note: (fields) => Object.assign(response.locals.log, fields),
    });
  });
  app.use(sendError(parts));
  return app;
}

function operationAt(path: string, parts: StatusParts): Operation | undefined {
  const { ocsp } = statusPaths;
  if (path === ocsp || path.startsWith(`${ocsp}/`))
    return parts.responders.length > 0
      ? { methods: [...fetched, 'POST'], does: answerOcsp }
      : undefined;
  const [, issuer = '', partition] =
    /^\/crl\/([0-9a-f]{2,128})\/([1-9]\d{0,3})\.crl$/.exec(path) ?? [];
  if (partition !== undefined) {
    const crls = parts.crls(issuer);
    return (
      crls && {
        methods: fetched,
        does: (exchange) => distributeCrl(exchange, crls, Number(partition)),
      }
    );
  }
  const [, directory, id = ''] = /^\/(crl|ca)\/([0-9a-f]{2,128})\.(?:crl|cer)$/.exec(path) ?? [];
  if (directory === 'crl' && path === statusPaths.crl(id)) {
    const crls = parts.crls(id);
    return crls && { methods: fetched, does: (exchange) => distributeCrl(exchange, crls) };
  }
  if (directory === 'ca' && path === statusPaths.certificate(id)) {
    const certificate = parts.certificate(id);
    return (
      certificate && {
        methods: fetched,
        does: (exchange) => distributeCaCertificate(exchange, certificate),
      }
    );
  }
  return undefined;
}

function sendError({ logger }: StatusParts): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error, request, response, _next) => {
    const { requestId } = response.locals;
    const { status, headers, body, fault } = answerFor(error, requestId, []);
    if (fault) logger.error({ requestId, err: error }, 'fault');
    else Object.assign(response.locals.log, { refusal: error.code, reason: error.message });
    if (response.headersSent) {
      request.socket.destroy();
      return;
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    // What is left of a body too large is not read.
    if (status === 413) response.setHeader('Connection', 'close');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.statusCode = status;
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}
