/**
 * Where webhooks may lead. Addresses are given by operators, or by whoever may write for them, and are asked from inside of
 * the network: only what is public is reached, unless the configuration allows a network (`events.allowNetworks`).
 */

import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890), what is not globally reachable; multicast; and reserved ones. */
const specialIPv4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local; clouds tell their machines' secrets at 169.254.169.254.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;

/** The same inside of global unicast: Teredo and others, documentation, 6to4, which hold IPv4 addresses. */
const specialIPv6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
] as const;

const special = new BlockList();
for (const [net, prefix] of specialIPv4) special.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of specialIPv6) special.addSubnet(net, prefix, 'ipv6');

/** RFC 4291 section 2.4: all that is not in it is local, mapped, translated, multicast or not assigned. */
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

function isPublic(address: string): boolean {
  return isIPv4(address)
    ? !special.check(address, 'ipv4')
    : globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

const network = /^([0-9a-f.:]+)\/(\d{1,3})$/i;

/** @returns why it is no network in CIDR notation, or undefined */
export function networkProblem(cidr: string): string | undefined {
  const [, net = '', prefix = ''] = network.exec(cidr) ?? [];
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(net)] ?? -1;
  return Number(prefix) <= longest
    ? undefined
    : `"${cidr.slice(0, 60)}" is no network, such as 10.1.0.0/16 or fd00:1::/32`;
}

/** How long an address that was found for a name is used again. */
const keptMs = 10_000;
const mostKept = 1000;

/** The webhook leads where it may not. */
export class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress';
}

export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

const resolveBySystem: Resolve = (name) =>
  new Promise((resolve, reject) => {
    lookup(name, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });

export class AllowedAddresses {
  readonly #allowed = new BlockList();
  readonly #resolve: Resolve;
  /** Names that are asked for, or were a moment ago: one that is not answered holds up one thread, however many wait. */
  readonly #found = new Map<string, Promise<readonly LookupAddress[]>>();

  /** @param networks in CIDR notation; allowed though they are not public */
  constructor(networks: readonly string[], resolve: Resolve = resolveBySystem) {
    this.#resolve = resolve;
    for (const cidr of networks) {
      const problem = networkProblem(cidr);
      if (problem) throw new TypeError(problem);
      const [net = '', prefix] = cidr.split('/');
      this.#allowed.addSubnet(net, Number(prefix), isIPv4(net) ? 'ipv4' : 'ipv6');
    }
  }

  allows(address: string): boolean {
    const family = { 0: undefined, 4: 'ipv4', 6: 'ipv6' }[isIP(address)] as 'ipv4' | 'ipv6';
    if (family === undefined) return false;
    return isPublic(address) || this.#allowed.check(address, family);
  }

  /** An address in place of a name is never looked up. @throws ForbiddenAddress */
  requireHost(hostname: string): void {
    const literal = hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) && !this.allows(literal)) throw forbidden(literal);
  }

  /** For the connection itself: what was judged is what is connected to, and a name is not asked for twice. */
  readonly lookup: LookupFunction = (name, { all }, callback) => {
    this.#addressesOf(name).then(
      (found) => {
        const addresses = found.filter(({ address }) => this.allows(address));
        const [first] = addresses;
        if (!first) callback(forbidden(name), '', 0);
        else if (all) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, '', 0),
    );
  };

  #addressesOf(name: string): Promise<readonly LookupAddress[]> {
    let found = this.#found.get(name);
    if (!found) {
      if (this.#found.size >= mostKept) this.#found.clear();
      found = this.#resolve(name);
      this.#found.set(name, found);
      const forget = () => this.#found.delete(name);
      found.then(() => setTimeout(forget, keptMs).unref(), forget);
    }
    return found;
  }
}

function forbidden(host: string): ForbiddenAddress {
  return new ForbiddenAddress(
    `${host} leads to an address that is not public; the network can be allowed under events.allowNetworks.`,
  );
}
