/** What commands share: the data directory, its stores, who acts. */

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { type Config, loadConfig } from '../server/config.ts';
import { type OpenStores, openStores, type Stores } from '../storage/stores.ts';
import { usage } from './exit.ts';

export interface DataOption {
  readonly data: string;
}

export interface ListOptions extends DataOption {
  readonly json?: true;
  readonly limit: string;
}

/** Adds --data to a command. */
export function withData(command: Command): Command {
  return command.option('--data <dir>', 'data directory', process.env.BESTOW_DATA ?? './data');
}

/** Adds --data and --json. */
export function withJson(command: Command): Command {
  return withData(command).option('--json', 'print JSON');
}

/** Opens the stores for one command, beside a server that may be running on them. */
export async function withStores<T>(
  { data }: DataOption,
  work: (stores: OpenStores, config: Config) => Promise<T>,
): Promise<T> {
  const config = loadConfig(data);
  const stores = await openStores(config.storage, config.est.failures);
  try {
    return await work(stores, config);
  } finally {
    await stores.close();
  }
}

/** The account that runs the command, for the audit log. */
export function operator(): string {
  return `operator:${userInfo().username}`;
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/**
 * The tenant a new device is for: the one named, else the only one there is, else `default`.
 * @throws CommandError when that leaves a choice
 */
export async function chooseTenant(stores: Stores, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const ids = (await stores.tenants.list()).map(({ id }) => id);
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return only;
  if (ids.includes('default')) return 'default';
  throw usage(`Say with --tenant which tenant it is for: ${ids.join(', ')}.`);
}

const mostRows = 100_000;

/** The value of --limit. @throws TypeError */
export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > mostRows)
    throw new TypeError(`--limit must be a whole number from 1 to ${mostRows}, not "${text}".`);
  return limit;
}
