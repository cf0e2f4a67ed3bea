import type { SecureVersion, TLSSocket } from 'node:tls';
import {
  attribute,
  base64Lines,
  certificateRequest,
  ecKey,
  type Key,
} from './certificate-requests.ts';
import { utf8String } from './der-writer.ts';
import type { Applicant, Connection, EstServer } from './est-server.ts';
import type { HttpAnswer } from './http-answer.ts';

export const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7';
export const OTP_CHALLENGE = '1.2.840.113549.1.9.16.2.56';
export const REVOCATION_CHALLENGE = '1.2.840.113549.1.9.16.2.57';
export const EST_IDENTITY_LINKING = '1.2.840.113549.1.9.16.2.58';

/** One attribute with one UTF8String. */
export const challenge = (type: string, text: string) => attribute(type, utf8String(text));

/**
 * tls-unique (RFC 5929 section 3.1), of TLS 1.2 and older: the first Finished message of the handshake, the client's own
 * in a full one and the server's in a resumed one.
 */
export function tlsUnique(socket: TLSSocket): string {
  const finished = socket.isSessionReused() ? socket.getPeerFinished() : socket.getFinished();
  return encoded(finished);
}

/** The other Finished message: no channel binding of anything. */
export function secondFinished(socket: TLSSocket): string {
  const finished = socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished();
  return encoded(finished);
}

const EXPORTER = 'EXPORTER-Channel-Binding';

/** tls-exporter (RFC 9266 section 2): the context is there, and empty. */
export function tlsExporter(socket: TLSSocket): string {
  return encoded(socket.exportKeyingMaterial(32, EXPORTER, Buffer.alloc(0)));
}

/** The same without a context, which is another value in TLS 1.2 (RFC 5705 section 4). */
export function exporterWithoutContext(socket: TLSSocket): string {
  return encoded((socket as unknown as WithoutContext).exportKeyingMaterial(32, EXPORTER));
}

/** The type declarations of Node.js know no absent context; Node.js does. */
interface WithoutContext {
  exportKeyingMaterial(length: number, label: string): Buffer;
}

/** What links a request to its connection: tls-unique, or in TLS 1.3 what takes its place. */
export function bindingOf(socket: TLSSocket): string {
  return socket.getProtocol() === 'TLSv1.3' ? tlsExporter(socket) : tlsUnique(socket);
}

function encoded(octets: Buffer | undefined): string {
  if (octets === undefined || octets.length === 0) throw new Error('TLS gave no such value');
  return octets.toString('base64');
}

export interface BoundRequest {
  readonly version?: SecureVersion;
  /** The attributes of the request, made when the connection is there. */
  readonly attributes: (socket: TLSSocket) => readonly Buffer[];
  /** One who may enroll, unless it is said who. */
  readonly applicant?: Applicant;
  readonly key?: Key;
  readonly operation?: 'simpleenroll' | 'simplereenroll';
  /** A connection that was made otherwise; it is closed all the same. */
  readonly connection?: Connection;
}

/** Sends a request that can speak of the connection it comes by (RFC 7030 section 3.5). */
export async function postBound(server: EstServer, bound: BoundRequest): Promise<HttpAnswer> {
  const { version = 'TLSv1.2', operation = 'simpleenroll', key = ecKey() } = bound;
  const applicant = bound.applicant ?? (await server.applicant());
  const { socket, answers } =
    bound.connection ??
    (await server.connect({ ...applicant.client, minVersion: version, maxVersion: version }));
  try {
    const attributes = bound.attributes(socket);
    const body = base64Lines(certificateRequest(applicant.device, key, { attributes }));
    const { credential } = applicant;
    const headers = { Connection: 'keep-alive' };
    socket.write(server.encode(operation, { body, headers, ...(credential && { credential }) }));
    return await answers.next();
  } finally {
    socket.destroy();
  }
}

/** Attributes with one challengePassword that is made from the connection. */
export function linkedBy(value: (socket: TLSSocket) => string, type = CHALLENGE_PASSWORD) {
  return (socket: TLSSocket) => [challenge(type, value(socket))];
}

/** Channel binding of another connection, which stays open no longer than it takes to ask for it. */
export async function foreignBinding(server: EstServer, version: SecureVersion): Promise<string> {
  const { socket } = await server.connect({ minVersion: version, maxVersion: version });
  try {
    return bindingOf(socket);
  } finally {
    socket.destroy();
  }
}

export const versions = ['TLSv1.2', 'TLSv1.3'] as const satisfies readonly SecureVersion[];
