/**
 * A client that makes its request once the connection stands, so that the request can name it (RFC 7030 section 3.5,
 * RFC 9266).
 */

import type { SecureVersion, TLSSocket } from 'node:tls';
import type { BestowServer } from './bestow.ts';
import type { EstAnswer, EstRequest } from './est-client.ts';
import { basic, RawTls } from './raw-tls.ts';

/** What an honest client puts in, base64: its own Finished message, or the exported value. */
export function bindingOf(socket: TLSSocket): string {
  const binding =
    socket.getProtocol() === 'TLSv1.2'
      ? socket.getFinished()
      : socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  if (!binding) throw new Error('The connection has no channel binding.');
  return binding.toString('base64');
}

export interface BoundRequest
  extends Pick<EstRequest, 'certificate' | 'key' | 'user' | 'password'> {
  readonly version?: SecureVersion;
  /** Makes the request, DER. */
  readonly request: (binding: string) => Uint8Array;
}

/** POSTs one request on a connection of its own. @param path below `/.well-known/est/` */
export async function postBound(
  { port, root }: Pick<BestowServer, 'port' | 'root'>,
  path: string,
  { version = 'TLSv1.3', certificate, key, user = '', password, request }: BoundRequest,
): Promise<EstAnswer> {
  const identity = certificate && key ? { certificate, key } : {};
  using connection = await RawTls.connect({ port, root, version, ...identity });
  const body = Buffer.from(request(bindingOf(connection.socket))).toString('base64');
  const head = [
    `POST /.well-known/est/${path} HTTP/1.1`,
    'Host: localhost',
    ...(password === undefined ? [] : [`Authorization: ${basic(user, password)}`]),
    'Content-Type: application/pkcs10',
    `Content-Length: ${body.length}`,
  ];
  connection.send(`${head.join('\r\n')}\r\n\r\n${body}`);
  const { answer } = await connection.readAnswer();
  const { statusLine, headers } = answer;
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
    rawHeaders: headers.flat(),
    body: answer.body.toString('latin1'),
  };
}
