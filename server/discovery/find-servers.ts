/** Looks for servers that announce themselves on the local network (DNS-SD over multicast DNS). */

import { type FoundServer, HeardServers } from './heard-servers.ts';
import type { LinkInterface } from './link-interfaces.ts';
import { type MdnsSocket, openMdns } from './mdns-socket.ts';
import { domainOf } from './service-records.ts';

/** RFC 6762 section 5.2: again after a second, and then with twice the pause each time. */
const firstPauseMs = 1000;

export interface Search {
  /** Such as `_est._tcp`. */
  readonly type: string;
  readonly links: readonly LinkInterface[];
  readonly milliseconds: number;
  problem(link: LinkInterface, error: Error): void;
}

/** Listens for as long as it is told. @returns by name */
export async function findServers(search: Search): Promise<FoundServer[]> {
  const found = await Promise.all(search.links.map((link) => searchLink(link, search)));
  return found.flat().sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function searchLink(
  link: LinkInterface,
  { type, milliseconds, problem }: Search,
): Promise<FoundServer[]> {
  const heard = new HeardServers(domainOf(type));
  let socket: MdnsSocket;
  try {
    socket = await openMdns(link, {
      response: (packet) => heard.take(packet),
      problem: (error) => problem(link, error),
    });
  } catch (error) {
    problem(link, error as Error);
    return [];
  }
  const end = performance.now() + milliseconds;
  for (let pause = firstPauseMs; performance.now() < end; pause *= 2) {
    socket.query([{ name: domainOf(type), type: 'PTR' }, ...heard.missing()]);
    const left = end - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, Math.max(0, left))));
  }
  await socket.close();
  return heard.servers(link.name);
}
