import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { sourceOf } from './est/authenticate.ts';

declare global {
  namespace Express {
    interface Locals {
      /** In every answer and every line about it. */
      requestId: string;
      /** What the line at the end of the request says besides. */
      log: Record<string, unknown>;
    }
  }
}

/** One line for each request when it ends, and its id in the answer. Bodies and credentials are never logged. */
export function logRequests(logger: Logger) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const started = performance.now();
    const requestId = randomUUID();
    response.locals.requestId = requestId;
    response.locals.log = {};
    response.setHeader('X-Request-Id', requestId);
    const source = sourceOf(request);
    response.on('close', () => {
      const { statusCode } = response;
      const line = {
        requestId,
        method: request.method,
        path: request.path.slice(0, 200),
        status: statusCode,
        ms: Math.round(performance.now() - started),
        source,
        ...(response.writableFinished ? {} : { aborted: true }),
        ...response.locals.log,
      };
      logger[statusCode >= 500 ? 'error' : statusCode >= 400 ? 'warn' : 'info'](line, 'request');
    });
    next();
  };
}
