/** One network interface, as multicast DNS sees it (RFC 6762): packets go out of it, and come from its own link alone. */

import { BlockList } from 'node:net';
import type { Answer, Packet as DnsPacket, RecordType } from 'dns-packet';
import makeMdns, { type QueryOutgoingPacket, type ResponseOutgoingPacket } from 'multicast-dns';
import type { LinkInterface } from './link-interfaces.ts';

export type { Answer };

export interface Question {
  readonly name: string;
  readonly type: RecordType | 'ANY';
}

export interface Packet extends Pick<DnsPacket, 'id'> {
  readonly questions?: readonly Question[] | undefined;
  readonly answers?: readonly Answer[] | undefined;
  readonly authorities?: readonly Answer[] | undefined;
  readonly additionals?: readonly Answer[] | undefined;
}

export interface Sender {
  readonly address: string;
  readonly port: number;
}

export interface MdnsHandlers {
  query?(packet: Packet, from: Sender): void;
  response?(packet: Packet): void;
  /** Anything that does not work; it may come again and again. */
  problem(error: Error): void;
}

export interface MdnsSocket {
  query(questions: readonly Question[], authorities?: readonly Answer[]): void;
  /** Resolves when it has left. @param to for one alone, by unicast */
  respond(packet: Packet, to?: Sender): Promise<void>;
  close(): Promise<void>;
}

export const mdnsPort = 5353;

/** Resolves when the port is open. @throws Error where it cannot be */
export function openMdns(link: LinkInterface, handlers: MdnsHandlers): Promise<MdnsSocket> {
  const onLink = new BlockList();
  onLink.addSubnet(link.address, link.prefix, 'ipv4');
  const mdns = makeMdns({
    interface: link.address,
    // Bound to its address, Linux would let no multicast in.
    bind: '0.0.0.0',
  });
  // Every socket of the host hears what came in on any interface (RFC 6762 section 11 asks for this look anyway).
  const fromLink = ({ address }: Sender) => onLink.check(address);
  mdns.on('query', (packet, from) => {
    if (fromLink(from)) guarded(handlers, () => handlers.query?.(packet, from));
  });
  mdns.on('response', (packet, from) => {
    // Section 6: what comes from another port is no answer.
    if (fromLink(from) && from.port === mdnsPort)
      guarded(handlers, () => handlers.response?.(packet));
  });
  mdns.on('warning', (error) => {
    // What is malformed is somebody else's affair.
    if ('syscall' in error) handlers.problem(error);
  });
  const close = () => new Promise<void>((resolve) => mdns.destroy(resolve));
  return new Promise((resolve, reject) => {
    let ready = false;
    mdns.on('error', (error) => {
      if (ready) return handlers.problem(error);
      reject(error);
      void close().catch(() => undefined);
    });
    mdns.once('ready', () => {
      ready = true;
      resolve({
        query: (questions, authorities = []) => {
          const packet = { questions: [...questions], authorities: [...authorities] };
          mdns.query(packet as QueryOutgoingPacket, reporting(handlers));
        },
        respond: (packet, to) =>
          new Promise((sent) => {
            const done = (error?: Error | null) => {
              if (error) handlers.problem(error);
              sent();
            };
            mdns.respond({ ...packet } as ResponseOutgoingPacket, to, done);
          }),
        close,
      });
    });
  });
}

function reporting({ problem }: MdnsHandlers) {
  return (error: Error | null) => {
    if (error) problem(error);
  };
}

/** A packet that one of us stumbles over ends nothing. */
function guarded({ problem }: MdnsHandlers, work: () => void): void {
  try {
    work();
  } catch (error) {
    problem(error instanceof Error ? error : new Error(String(error)));
  }
}
