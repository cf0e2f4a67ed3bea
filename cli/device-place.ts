/**
 * Where a device is and what else is known of it, as options of the command line.
 */

import type { Command } from 'commander';
import {
  checkContext,
  checkPlaceName,
  checkRegion,
  type DeviceContext,
  type PlaceChange,
} from '../enrollment/device.ts';
import { collect } from './data.ts';

export interface PlaceOptions {
  readonly region?: string;
  readonly site?: string;
  readonly building?: string;
  readonly context?: string[];
}

/** Adds --region, --site, --building and --context to a command. */
export function withPlace(command: Command): Command {
  return command
    .option('--region <region>', 'its region, by which its endpoints may be chosen')
    .option('--site <text>', 'the site it stands on')
    .option('--building <text>', 'the building it stands in')
    .option('--context <name=text>', 'what else is to be known of it (repeat)', collect);
}

/** What is given for a new device. @throws TypeError with a sentence */
export function placeIn({ region, site, building, context }: PlaceOptions): {
  region?: string;
  site?: string;
  building?: string;
  context?: DeviceContext;
} {
  return {
    ...(region === undefined ? {} : { region: checkRegion(region) }),
    ...(site === undefined ? {} : { site: checkPlaceName(site) }),
    ...(building === undefined ? {} : { building: checkPlaceName(building) }),
    ...(context === undefined ? {} : { context: checkContext(readContext(context)) }),
  };
}

/** What is to change; an empty text takes away what was there. @throws TypeError with a sentence */
export function placeChangeIn({ region, site, building, context }: PlaceOptions): PlaceChange {
  const given = context === undefined ? {} : readContext(context);
  checkContext(Object.fromEntries(Object.entries(given).filter(([, text]) => text !== '')));
  const change = {
    ...(region === undefined ? {} : { region: region === '' ? null : checkRegion(region) }),
    ...(site === undefined ? {} : { site: site === '' ? null : checkPlaceName(site) }),
    ...(building === undefined
      ? {}
      : { building: building === '' ? null : checkPlaceName(building) }),
  };
  if (context === undefined) return change;
  return {
    ...change,
    context: Object.fromEntries(
      Object.entries(given).map(([name, text]) => [name, text === '' ? null : text]),
    ),
  };
}

/** As the option takes it, for people. */
export function describeContext(context: DeviceContext = {}): string[] | undefined {
  const pairs = Object.entries(context).map(([name, text]) => `${name}=${text}`);
  return pairs.length > 0 ? pairs : undefined;
}

function readContext(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new TypeError(`"${pair}" is no context: write name=text.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
