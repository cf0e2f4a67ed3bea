import type { TLSSocket } from 'node:tls';
import type { LinkingProof } from '../../ca/certificate-plan.ts';
import type { RequestContent } from '../../ca/certificate-request.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import { requireLinking } from '../../enrollment/linking.ts';
import type { EstExchange } from './exchange.ts';

/**
 * The channel binding of a connection.
 *
 * TLS 1.2: tls-unique (RFC 5929 section 3.1), the first Finished message of the latest handshake: the client's in a full
 * handshake, the server's in a resumed one. The listener allows no renegotiation, so the latest is the only one.
 *
 * TLS 1.3: tls-unique is not defined; tls-exporter (RFC 9266) takes its place, 32 octets exported with an empty context.
 * No RFC says so for EST over HTTPS; RFC 9148 section 3 does for EST over CoAP.
 *
 * @returns undefined when the connection has none
 */
export function channelBindingOf(socket: TLSSocket): Uint8Array | undefined {
  switch (socket.getProtocol?.()) {
    case 'TLSv1.2':
      return (
        (socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished()) ?? undefined
      );
    case 'TLSv1.3':
      return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    default:
      return undefined;
  }
}

/**
 * Verifies what a request says of its connection. One channel binding serves one authentication (RFC 9266 section 4.1):
 * where it holds, the connection ends with the answer, whatever that will be.
 * @throws Refusal linking-required, linking-failed
 */
export function verifyLinking(
  { request, response }: Pick<EstExchange, 'request' | 'response'>,
  content: Pick<RequestContent, 'challenges'>,
  caller: Pick<Caller, 'group' | 'relayedBy'>,
): LinkingProof {
  const bindingOf = () => channelBindingOf(request.socket as TLSSocket);
  const linking = requireLinking(content, caller, bindingOf);
  if (linking === 'verified') response.setHeader('Connection', 'close');
  return linking;
}
