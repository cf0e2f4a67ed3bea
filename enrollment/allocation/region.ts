/**
 * Which region a device belongs to, by the sources that a policy names.
 */

import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { readDer } from '../../ca/der.ts';
import { readName } from '../../ca/distinguished-name.ts';
import { Refusal } from '../../ca/refusal.ts';
import type { SubjectAttribute } from '../../ca/subject-template.ts';
import type { FoundRegions, RegionSource } from './allocation-policy.ts';

/** What a region can be read from. */
export interface RegionFacts {
  /** The registry's. */
  readonly region?: string;
  readonly label: string;
  /** Of the certificate presented: Name, DER. */
  readonly subject?: Uint8Array;
  /** IPv4 address, or IPv6 address or /64 prefix; absent where the device did not call by itself. */
  readonly source?: string;
  /** What earlier requests showed. */
  readonly found?: FoundRegions;
}

/** A source, ready to be asked for each device. */
export type RegionReader = (facts: RegionFacts) => FoundRegion | undefined;

export interface FoundRegion {
  readonly region: string;
  /** Set where a later request may not show it again. */
  readonly by?: keyof FoundRegions;
}

export function regionReader(source: RegionSource): RegionReader {
  switch (source.from) {
    case 'registry':
      return ({ region }) => (region === undefined ? undefined : { region });
    case 'label':
      return ({ label }) => named(label, source.regions);
    case 'certificate':
      return (facts) => {
        const shown = facts.subject && attributeOf(facts.subject, source.field);
        const region =
          (shown === undefined ? undefined : named(shown, source.regions)?.region) ??
          facts.found?.certificate;
        return region === undefined ? undefined : { region, by: 'certificate' };
      };
    case 'network': {
      const networks = Object.entries(source.networks).map(([cidr, region]) => ({
        region,
        prefix: prefixOf(cidr),
        list: listOf(cidr),
      }));
      // Of networks within one another the smallest says most.
      networks.sort((a, b) => b.prefix - a.prefix);
      return (facts) => {
        const region =
          facts.source === undefined
            ? facts.found?.network
            : networks.find(({ list }) => contains(list, facts.source ?? ''))?.region;
        return region === undefined ? undefined : { region, by: 'network' };
      };
    }
  }
}

function named(
  text: string,
  regions: Readonly<Record<string, string>> | undefined,
): FoundRegion | undefined {
  if (!regions) return { region: text };
  const region = Object.hasOwn(regions, text) ? regions[text] : undefined;
  return region === undefined ? undefined : { region };
}

/** The first attribute of that type; a subject that cannot be read has none. */
function attributeOf(subject: Uint8Array, field: SubjectAttribute): string | undefined {
  try {
    return readName(readDer(subject)).find(({ type }) => type === field)?.text;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** @throws TypeError with a sentence when it is no network */
export function checkNetwork(cidr: string): string {
  const [address = '', prefix, ...more] = cidr.split('/');
  const longest = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : -1;
  if (
    more.length > 0 ||
    longest < 0 ||
    !/^(0|[1-9]\d{0,2})$/.test(prefix ?? '') ||
    Number(prefix) > longest
  )
    throw new TypeError(
      `"${cidr.slice(0, 80)}" is no network: write an address and the length of its prefix, such as 192.0.2.0/24 or 2001:db8::/32.`,
    );
  // The source of an IPv6 request is known by its /64 alone.
  if (longest === 128 && Number(prefix) > 64)
    throw new TypeError(
      `${cidr} is too small: IPv6 networks have prefixes of at most 64 bits here.`,
    );
  return cidr;
}

function prefixOf(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}

function listOf(cidr: string): BlockList {
  const list = new BlockList();
  const [address = ''] = cidr.split('/');
  list.addSubnet(address, prefixOf(cidr), isIPv4(address) ? 'ipv4' : 'ipv6');
  return list;
}

function contains(list: BlockList, source: string): boolean {
  const [address = ''] = source.split('/');
  if (isIPv4(address)) return list.check(address, 'ipv4');
  return isIPv6(address) && list.check(address, 'ipv6');
}
