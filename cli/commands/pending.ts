import { Command, Option } from 'commander';
import { type ApprovalState, approvalStates } from '../../enrollment/approvals.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { conflict, usage } from '../exit.ts';
import { approve, reject } from '../pending/decide.ts';
import { type CodeOptions, readCode } from '../pending/read-code.ts';
import { findWaiting, listWaiting, type Waiting } from '../pending/waiting.ts';
import { print, printFields, printJson, printTable } from '../print.ts';
import { describeBan } from './ban.ts';
import { approveAllCommand, rejectAllCommand } from './pending-all.ts';

export function pendingCommand(): Command {
  const pending = new Command('pending').description(
    'requests that wait for a person: new devices in groups with --trust staging, certificates in groups with --approval on',
  );
  withJson(pending.command('list'))
    .description('list requests, newest first')
    .addOption(
      new Option('--state <state>', 'in this state')
        .choices([...approvalStates, 'any'])
        .default('pending'),
    )
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  withJson(pending.command('show')).description('show a request').argument('<id>').action(show);
  pending.addCommand(approveCommand());
  withJson(pending.command('reject'))
    .description('refuse the device when it asks again')
    .argument('<id>')
    .option('--reason <text>', "a sentence for the device's engineer")
    .action(rejectOne);
  withJson(pending.command('forget'))
    .description('let a device that waits or was rejected begin anew')
    .argument('<id>')
    .action(forget);
  withJson(pending.command('ban'))
    .description('bar the key of the request for good, in every group and with every credential')
    .argument('<id>')
    .option('--reason <text>', "a sentence for the device's engineer")
    .action(ban);
  pending.addCommand(approveAllCommand());
  pending.addCommand(rejectAllCommand());
  return pending;
}

function approveCommand(): Command {
  return withJson(new Command('approve'))
    .description(
      'confirm the key of a new device, or let a device have its certificate: it gets it when it asks again',
    )
    .argument('[id]', 'may be left out where the code says which one it is')
    .option('--as <device>', 'its id, in groups with --identity assigned; registered if it is new')
    .option('--code <->', 'read the code that the device shows from standard input: --code -')
    .option('--code-file <file>', 'read it from a file')
    .option(
      '--replace-key',
      'though the device is known by another key, which is worth nothing then',
    )
    .action(approveOne);
}

type JsonOption = DataOption & { readonly json?: true };
type StateOption = { readonly state: ApprovalState | 'any' };

async function list(options: ListOptions & StateOption): Promise<void> {
  const { state } = options;
  const limit = parseLimit(options.limit);
  const waiting = await withStores(options, (stores) =>
    listWaiting(stores, state === 'any' ? { limit } : { state, limit }),
  );
  if (options.json) printJson(waiting);
  else
    printTable(
      waiting.map(rowOf),
      state === 'any' ? 'There are no requests.' : `There are no ${state} requests.`,
    );
}

function rowOf(waiting: Waiting) {
  const { id, kind, device, state, source, firstSeen, lastSeen, publicKeyDigest } = waiting;
  const isDevice = waiting.kind === 'device';
  return {
    id,
    kind,
    device,
    group: isDevice ? waiting.group : undefined,
    state,
    source,
    'first seen': firstSeen,
    'last seen': lastSeen,
    key: isDevice ? waiting.fingerprint : publicKeyDigest.slice(0, 16),
    note: isDevice && waiting.otherKey ? 'another key than the confirmed one' : undefined,
  };
}

async function show(id: string, options: JsonOption): Promise<void> {
  const waiting = await withStores(options, (stores) => findWaiting(stores, id));
  if (options.json) return printJson(waiting);
  if (waiting.kind === 'certificate') return printFields({ ...waiting });
  const { credential, showsCode, otherKey, ...fields } = waiting;
  printFields({
    ...fields,
    presented: `${credential.kind} ${credential.id}`,
    code: showsCode ? 'to be typed to approve it' : undefined,
    note: otherKey ? `${waiting.device} is known by another key` : undefined,
  });
}

type ApproveOptions = JsonOption & CodeOptions & { as?: string; replaceKey?: true };

async function approveOne(id: string | undefined, options: ApproveOptions): Promise<void> {
  const { as, replaceKey } = options;
  const code = await readCode(options);
  const approved = await withStores(options, (stores, config) =>
    approve(stores, config, id, {
      ...(as === undefined ? {} : { as }),
      ...(replaceKey ? { replaceKey } : {}),
      ...(code === undefined ? {} : { code }),
    }),
  );
  if (options.json) return printJson(approved);
  const { id: request, device } = approved;
  const who = approved.kind === 'device' ? (approved.confirmedAs ?? device) : device;
  print(`The request ${request} is approved: ${who} gets its certificate when it asks again.`);
}

async function rejectOne(id: string, options: JsonOption & { reason?: string }): Promise<void> {
  const rejected = await withStores(options, (stores) => reject(stores, id, options.reason));
  if (options.json) return printJson(rejected);
  print(`The request ${id} is rejected: ${rejected.device} is told so when it asks again.`);
}

async function forget(id: string, options: JsonOption): Promise<void> {
  await withStores(options, async (stores) => {
    const { kind, state } = await findWaiting(stores, id);
    if (kind === 'certificate') throw usage(`${id} asks for a certificate, and ends by itself.`);
    if (!(await stores.stagingArea.forget(id, operator(), new Date())))
      throw conflict(`The request ${id} ${state === 'approved' ? 'is approved' : 'has expired'}.`);
  });
  if (options.json) printJson({ id });
  else print(`The request ${id} is forgotten: its device waits again when it asks.`);
}

async function ban(id: string, options: JsonOption & { reason?: string }): Promise<void> {
  const { reason } = options;
  const banned = await withStores(options, async (stores) => {
    const { publicKeyDigest } = await findWaiting(stores, id);
    const why = reason === undefined ? {} : { reason };
    const ban = { publicKeyDigest, ...why, by: operator(), at: new Date() };
    if (!(await stores.keyBans.ban(ban))) throw conflict('This key is banned already.');
    return ban;
  });
  if (options.json) printJson(banned);
  else print(describeBan(banned));
}
