/** What DNS-SD says of a server (RFC 6763): PTR to its instance, SRV and TXT of that, addresses of its host. */

import { isIPv4 } from 'node:net';
import type { Answer } from './mdns-socket.ts';

export interface ServiceInstance {
  /** One label, of 63 octets at most, without a dot. */
  readonly name: string;
  /** Such as `_est._tcp`. */
  readonly type: string;
  /** Ends with `.local`. */
  readonly host: string;
  readonly port: number;
  readonly txt: Readonly<Record<string, string>>;
}

/** RFC 6335 section 5.1, RFC 6763 section 7. */
export const serviceTypeSyntax =
  /^_(?=[a-z0-9-]{0,14}[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?\._tcp$/i;

/** A dot would end the label for libraries that write names as text. */
export function isInstanceName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= 63 && !/[.\p{C}\p{Zl}\p{Zp}]/u.test(text);
}

/** Seconds, as RFC 6762 section 10 recommends: what hangs on a host's name, and all else. */
const ttls = { host: 120, other: 4500 } as const;

/** Names that lists of service types begin at (RFC 6763 section 9). */
const typesOfDomain = '_services._dns-sd._udp.local';

export function domainOf(type: string): string {
  return `${type}.local`;
}

export function fullName({ name, type }: Pick<ServiceInstance, 'name' | 'type'>): string {
  return `${name}.${domainOf(type)}`;
}

export interface ServiceRecords {
  /** Others may have them as well. */
  readonly shared: readonly Answer[];
  /** This server alone has them: whoever kept others forgets those (RFC 6762 section 10.2). */
  readonly unique: readonly Answer[];
}

export function recordsOf(service: ServiceInstance, addresses: readonly string[]): ServiceRecords {
  const { type, host, port, txt } = service;
  const name = fullName(service);
  const strings = Object.entries(txt).map(([key, value]) => Buffer.from(`${key}=${value}`));
  const ofHost = { name: host, ttl: ttls.host, flush: true };
  return {
    shared: [
      { name: domainOf(type), type: 'PTR', ttl: ttls.other, data: name },
      { name: typesOfDomain, type: 'PTR', ttl: ttls.other, data: domainOf(type) },
    ],
    unique: [
      { name, type: 'SRV', ttl: ttls.host, flush: true, data: { port, target: host } },
      { name, type: 'TXT', ttl: ttls.other, flush: true, data: strings },
      ...addresses.map((data) => ({
        ...ofHost,
        type: isIPv4(data) ? ('A' as const) : ('AAAA' as const),
        data,
      })),
    ],
  };
}

/** DNS knows no capital letters, outside of what a label shows. */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
