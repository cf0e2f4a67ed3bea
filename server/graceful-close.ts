import type { Server, Socket } from 'node:net';

/** Requests in flight are given this long to end before their connections are cut. */
const drainMs = 30_000;

/**
 * Watches an HTTP or HTTPS server from its first connection on, so that it can be closed without cutting a request short and without
 * waiting for connections that have none: node counts one as busy while it is still in its handshake.
 * @returns closes the server; resolves when the last connection has ended
 */
export function gracefulClose(server: Server): () => Promise<void> {
  const sockets = new Set<Socket>();
  let inFlight = 0;
  let closing = false;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (_request, response) => {
    inFlight++;
    response.once('close', () => {
      inFlight--;
      if (closing && inFlight === 0) cut();
    });
  });
  return async () => {
    closing = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    if (inFlight === 0) cut();
    const timer = setTimeout(cut, drainMs);
    await closed;
    clearTimeout(timer);
  };
}
