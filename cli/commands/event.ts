import { Command, Option } from 'commander';
import { type BestowEvent, type EventType, eventTypes } from '../../enrollment/events/event.ts';
import { type ListOptions, parseLimit, withJson, withStores } from '../data.ts';
import { printJson, printTable } from '../print.ts';
import { parseSince } from '../since.ts';

export function eventCommand(): Command {
  const event = new Command('event').description(
    'events: what happened to devices and certificates, kept while there are webhooks for them',
  );
  withJson(event.command('list'))
    .description('list events, newest first')
    .addOption(new Option('--type <type>', 'of this type only').choices(eventTypes))
    .option('--device <id>', 'about this device only')
    .option('--since <time>', 'since an ISO 8601 time, or for a duration such as 2h')
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  return event;
}

type Filter = { readonly type?: EventType; readonly device?: string; readonly since?: string };

async function list(options: ListOptions & Filter): Promise<void> {
  const { type, device, since } = options;
  const filter = {
    ...(type === undefined ? {} : { type }),
    ...(device === undefined ? {} : { device }),
    ...(since === undefined ? {} : { since: parseSince(since, new Date()) }),
    limit: parseLimit(options.limit),
  };
  const events = await withStores(options, (stores) => stores.events.list(filter));
  if (options.json) printJson(events);
  else printTable(events.map(rowOf), 'There are no events.');
}

function rowOf({ sequence, at, type, device, tenant, data }: BestowEvent) {
  const about = data.serialNumber ?? data.request ?? data.code;
  return { sequence, at, type, device, tenant, about };
}
