/**
 * What every listener asks of a request before it looks at what it says.
 */

import type { Request, RequestHandler, Response } from 'express';
import { Refusal } from '../ca/refusal.ts';
import { refuse } from './est/refusals.ts';

/** @throws Refusal method-not-allowed */
export function requireMethod(
  request: Request,
  response: Response,
  allowed: readonly string[],
): void {
  if (allowed.includes(request.method)) return;
  response.setHeader('Allow', allowed.join(', '));
  throw refuse('method-not-allowed', `This operation takes ${allowed.join(' and ')} only.`);
}

/** Parameters and letter case do not matter (RFC 9110 section 8.3.1). @throws Refusal */
export function requireMediaType(request: Request, expected: string): void {
  const [given = ''] = (request.headers['content-type'] ?? '').split(';', 1);
  if (given.trim().toLowerCase() !== expected)
    throw refuse('unsupported-media-type', `The Content-Type must be ${expected}.`);
}

/**
 * Ends the connection after a request that asks for another protocol: node does not skip all of a large body of it that
 * nobody reads, and the next request would wait behind.
 */
export const endIfUpgrade: RequestHandler = ({ headers }, response, next) => {
  if (headers.upgrade !== undefined) response.setHeader('Connection', 'close');
  next();
};

/**
 * Makes a reader of bodies into `request.body`. One that is too large is refused before it is read, or as soon as it shows.
 * A compressed body is refused: a small one could grow without bound.
 * @param limit octets
 * @returns throws Refusal too-large, unsupported-media-type, malformed-http
 */
export function bodyReader(limit: number): (request: Request) => Promise<void> {
  return async (request) => {
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity')
      throw refuse('unsupported-media-type', 'A request body may not be compressed.');
    if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
    request.body = await readWhole(request, limit);
  };
}

async function readWhole(request: Request, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // The stream outlives a refusal, which is still to be answered on its connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += chunk.length;
      if (length > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refuse('malformed-http', 'The request body ended early.');
  }
  return Buffer.concat(chunks, length);
}

function tooLarge(limit: number): Refusal {
  return refuse('too-large', `A request body may have at most ${limit} octets.`);
}
