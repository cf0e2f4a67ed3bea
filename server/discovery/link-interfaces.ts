/** Network interfaces on which servers are announced and looked for. */

import { isIPv4, isIPv6 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

export type NetworkInterfaces = Readonly<
  Record<string, readonly NetworkInterfaceInfo[] | undefined>
>;

export interface LinkInterface {
  /** Such as `eth0`. */
  readonly name: string;
  /** IPv4: the one that multicast goes by. */
  readonly address: string;
  /** Of that address. */
  readonly prefix: number;
  /** All of the interface that others on the link can connect to. */
  readonly addresses: readonly string[];
}

/**
 * @param wanted names or IPv4 addresses; without any, all that lead out of this host, or the loopback if there is no other
 */
export function linkInterfaces(
  interfaces: NetworkInterfaces,
  wanted: readonly string[] = [],
): LinkInterface[] {
  const links = Object.entries(interfaces).flatMap(([name, infos = []]) => {
    const ofWanted = infos.find(({ address }) => isIPv4(address) && wanted.includes(address));
    const first = ofWanted ?? infos.find(({ address }) => isIPv4(address));
    if (!first?.cidr) return [];
    const { address, cidr, internal } = first;
    const prefix = Number(cidr.split('/')[1]);
    const addresses = infos.map((info) => info.address).filter(isConnectable);
    return [{ name, address, prefix, addresses, internal }];
  });
  const chosen =
    wanted.length > 0
      ? links.filter(({ name, address }) => wanted.includes(name) || wanted.includes(address))
      : links.filter(({ internal }) => !internal);
  const left = chosen.length === 0 && wanted.length === 0 ? links : chosen;
  return left.map(({ internal: _, ...link }) => link);
}

/** An address of IPv6 for one link alone means nothing without the name that the other host has for the link. */
function isConnectable(address: string): boolean {
  return !/^fe[89ab]/i.test(address);
}

/**
 * Of the addresses of an interface, those that a listener takes connections at.
 * @param listener its address; `0.0.0.0` and `::` are all of IPv4, and all
 */
export function listenedAt({ addresses }: LinkInterface, listener: string): string[] {
  if (listener === '::') return [...addresses];
  if (listener === '0.0.0.0') return addresses.filter((address) => isIPv4(address));
  return addresses.filter((address) => address === listener);
}

export function byFamily(addresses: readonly string[]) {
  return {
    ipv4: addresses.filter((address) => isIPv4(address)),
    ipv6: addresses.filter((address) => isIPv6(address)),
  };
}
