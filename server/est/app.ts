import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { DeviceRefused } from '../../enrollment/refusal.ts';
import { noteSightings } from '../events/sightings.ts';
import { endIfUpgrade } from '../read-request.ts';
import { logRequests } from '../request-log.ts';
import { challengesFor } from './challenges.ts';
import type { EstParts } from './exchange.ts';
import { answerFor, asksForAuthentication } from './refusals.ts';
import { RefusedMessage } from './refused-message.ts';
import { estRouter } from './router.ts';
import { sendMessage } from './send-message.ts';

/** The EST service as an express application; the listener is server/listener.ts. */
export function estApp(parts: EstParts, logger: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(logRequests(logger));
  if (parts.sightings) app.use(noteSightings(parts.sightings));
  app.use(endIfUpgrade);
  app.use(
    // The headers that mean something for a protocol without pages: libest reads sixteen headers at most.
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"] } },
      crossOriginEmbedderPolicy: false,
      crossOriginOpenerPolicy: false,
      crossOriginResourcePolicy: false,
      originAgentCluster: false,
      referrerPolicy: false,
      xDnsPrefetchControl: false,
      xDownloadOptions: false,
      xFrameOptions: false,
      xPermittedCrossDomainPolicies: false,
      xXssProtection: false,
    }),
  );
  app.use(estRouter(parts));
  app.use(sendError(parts, logger));
  return app;
}

function sendError(parts: EstParts, logger: Logger): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return async (refused, request, response, _next) => {
    const { requestId, group } = response.locals;
    const message = refused instanceof RefusedMessage ? refused : undefined;
    let error = message ? message.cause : refused;
    let challenges: string[] = [];
    if (asksForAuthentication(error))
      try {
        challenges = await challengesFor(parts, group, request.headers, error);
      } catch (fault) {
        error = fault;
      }
    const { status, headers, body, fault } = answerFor(error, requestId, challenges);
    if (fault) logger.error({ requestId, err: error }, 'fault');
    else {
      const device = error instanceof DeviceRefused && error.device ? { device: error.device } : {};
      Object.assign(response.locals.log, { refusal: error.code, reason: error.message, ...device });
    }
    if (response.headersSent) {
      request.socket.destroy();
      return;
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    // What is left of a body too large is not read.
    if (status === 413) response.setHeader('Connection', 'close');
    response.statusCode = status;
    if (message) {
      sendMessage({ request, response }, message.contentType, message.der);
      return;
    }
    const octets = Buffer.from(body, 'utf8');
    if (octets.length > 0) response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Content-Length', octets.length);
    response.end(octets);
  };
}
