/**
 * The listeners: TLS for EST (RFC 7030 section 3.3, RFC 9325), plain HTTP for what relying parties fetch.
 */

import { constants, randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type RequestListener,
} from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';

export interface ListenerLimits {
  /** Connections at once; more are closed at once. */
  readonly connections: number;
  /** Milliseconds for the TLS handshake, the request head, the whole request, and between requests. */
  readonly handshakeTimeout: number;
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
}

export interface ListenerOptions {
  /** PEM: the server's certificate and the intermediates to the root. */
  readonly certificateChain: Buffer;
  /** PEM. */
  readonly privateKey: Buffer;
  readonly limits: ListenerLimits;
}

/** Forward secret and authenticated (RFC 9325 section 4.2). */
const tls12Ciphers = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];
const tls13Ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
];

/**
 * Key exchange in order of preference, in OpenSSL's notation: whoever can is to use the hybrid with ML-KEM, at the price
 * of a second round trip where they began with another (the slash says so). P-521 is also there for certificates: with
 * TLS 1.2 a client's certificate has to be on one of these curves.
 */
const keyExchangeGroups = 'X25519MLKEM768 / X25519:P-256:P-384:P-521';

/**
 * Requests a client certificate and never demands one. No sessions are kept and no tickets given: a resumed session
 * would carry an identity past its end. No renegotiation: tls-unique would change under the client (RFC 5929).
 */
export function createListener(
  options: ListenerOptions,
  handler: RequestListener,
  logger: Logger,
): Server {
  const { limits } = options;
  const server = createServer(
    {
      cert: options.certificateChain,
      key: options.privateKey,
      // OpenSSL is to trust nobody: what a client presents is judged at each request, by ca/client-certificate.ts.
      ca: [],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ciphers: [...tls13Ciphers, ...tls12Ciphers].join(':'),
      ecdhCurve: keyExchangeGroups,
      secureOptions:
        constants.SSL_OP_NO_TICKET |
        constants.SSL_OP_NO_RENEGOTIATION |
        constants.SSL_OP_NO_COMPRESSION,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: limits.handshakeTimeout,
      ...httpLimits(limits),
    },
    handler,
  );
  guard(server, limits, logger);
  // An expectation that nobody knows may be ignored (RFC 9110 section 10.1.1); node's own 417 would have no request id.
  server.on('checkExpectation', handler);
  server.on('tlsClientError', (error) =>
    logger.debug({ reason: error.message }, 'TLS handshake failed'),
  );
  return server;
}

/** CRLs, certificates and OCSP are signed, and fetched by those who cannot trust a TLS certificate yet. */
export function createStatusListener(
  limits: ListenerLimits,
  handler: RequestListener,
  logger: Logger,
): HttpServer {
  const server = createHttpServer(httpLimits(limits), handler);
  guard(server, limits, logger);
  return server;
}

function httpLimits({ headersTimeout, requestTimeout, keepAliveTimeout }: ListenerLimits) {
  return {
    headersTimeout,
    requestTimeout,
    keepAliveTimeout,
    // How often node looks whether one of these has passed; its own 30 s would make short ones meaningless.
    connectionsCheckingInterval: 500,
    maxHeaderSize: 16 * 1024,
  };
}

function guard(server: Server | HttpServer, limits: ListenerLimits, logger: Logger): void {
  server.maxConnections = limits.connections;
  server.maxHeadersCount = 64;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    answerBrokenRequest(error, socket, logger),
  );
}

const statusOfTimeout = 'ERR_HTTP_REQUEST_TIMEOUT';

/** What is not HTTP never reaches express. It is answered in the same form, and the connection ends. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex, logger: Logger): void {
  const { code = '', message } = error;
  // Everything but the parser's own complaints is about the connection, which has nobody left to answer to.
  if (!socket.writable || !(code.startsWith('HPE_') || code === statusOfTimeout)) {
    logger.debug({ code, reason: message }, 'connection failed');
    socket.destroy();
    return;
  }
  const status = statusOf(code);
  const requestId = randomUUID();
  logger.warn(
    { requestId, status: Number.parseInt(status, 10), reason: message },
    'broken request',
  );
  const body = `The request is not well-formed HTTP/1.1, too large or too slow. (request ${requestId})\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nX-Request-Id: ${requestId}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function statusOf(code: string): string {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return '431 Request Header Fields Too Large';
    case statusOfTimeout:
      return '408 Request Timeout';
    default:
      return '400 Bad Request';
  }
}
