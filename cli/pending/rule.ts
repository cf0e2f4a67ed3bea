/** Which of the devices that wait a decision by rule is about. */

import { BlockList, isIPv4 } from 'node:net';
import type { StagedDevice } from '../../enrollment/staging-area.ts';
import { networkProblem } from '../../server/events/allowed-addresses.ts';
import { parseSince } from '../since.ts';

export interface RuleOptions {
  readonly group: string;
  readonly tenant?: string;
  readonly model?: string;
  readonly source?: string;
  readonly id?: string;
  readonly seenAfter?: string;
  readonly seenBefore?: string;
}

type Condition = (staged: StagedDevice) => boolean;

/** All that is named must hold. @throws TypeError with a sentence */
export function ruleOf(options: RuleOptions, now: Date): Condition {
  const { group, tenant, model, source, id, seenAfter, seenBefore } = options;
  const conditions: Condition[] = [(staged) => staged.group === group];
  if (tenant !== undefined) conditions.push((staged) => staged.tenant === tenant);
  if (model !== undefined) conditions.push((staged) => staged.model === model);
  if (source !== undefined) conditions.push(isFrom(source));
  if (id !== undefined) conditions.push(isCalled(id));
  if (seenAfter !== undefined) {
    const time = parseSince(seenAfter, now);
    conditions.push(({ firstSeen }) => firstSeen >= time);
  }
  if (seenBefore !== undefined) {
    const time = parseSince(seenBefore, now);
    conditions.push(({ firstSeen }) => firstSeen < time);
  }
  return (staged) => conditions.every((holds) => holds(staged));
}

const longestIPv6Prefix = 64;

function isFrom(cidr: string): Condition {
  const problem = networkProblem(cidr);
  if (problem) throw new TypeError(problem);
  const [net = '', length] = cidr.split('/');
  const family = isIPv4(net) ? 'ipv4' : 'ipv6';
  if (family === 'ipv6' && Number(length) > longestIPv6Prefix)
    throw new TypeError(
      `Sources of IPv6 are known by their /64: ${cidr} would say more than that.`,
    );
  const network = new BlockList();
  network.addSubnet(net, Number(length), family);
  return ({ source }) => {
    const [address = ''] = source.split('/');
    return network.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  };
}

const longestPattern = 128;

/** `*` stands for any characters, `?` for one. */
function isCalled(pattern: string): Condition {
  if (pattern.length > longestPattern)
    throw new TypeError(`A pattern of ids has at most ${longestPattern} characters.`);
  const escaped = pattern
    .replaceAll(/\*+/g, '*')
    .replaceAll(/[\\^$.+()[\]{}|]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${escaped}$`, 's');
  return ({ device }) => expression.test(device);
}
