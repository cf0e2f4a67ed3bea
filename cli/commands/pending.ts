import { Command, Option } from 'commander';
import { type Approval, type ApprovalState, approvalStates } from '../../enrollment/approvals.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { conflict, notFound } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';

export function pendingCommand(): Command {
  const pending = new Command('pending').description(
    'requests that wait for a person, in groups with --approval on',
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
  withJson(pending.command('approve'))
    .description('let the device have the certificate when it asks again')
    .argument('<id>')
    .action((id, options) => decide(id, true, options));
  withJson(pending.command('reject'))
    .description('refuse the device when it asks again')
    .argument('<id>')
    .option('--reason <text>', "a sentence for the device's engineer")
    .action((id, options) => decide(id, false, options));
  return pending;
}

type StateOption = { readonly state: ApprovalState | 'any' };

async function list(options: ListOptions & StateOption): Promise<void> {
  const { state } = options;
  const approvals = await withStores(options, (stores) =>
    stores.approvals.list({
      ...(state === 'any' ? {} : { state }),
      at: new Date(),
      limit: parseLimit(options.limit),
    }),
  );
  if (options.json) printJson(approvals);
  else
    printTable(
      approvals.map(({ id, device, state: now, source, firstSeen, lastSeen, publicKeyDigest }) => ({
        id,
        device,
        state: now,
        source,
        'first seen': firstSeen,
        'last seen': lastSeen,
        key: publicKeyDigest.slice(0, 16),
      })),
      state === 'any' ? 'There are no requests.' : `There are no ${state} requests.`,
    );
}

async function show(id: string, options: DataOption & { json?: true }): Promise<void> {
  const approval = await withStores(options, ({ approvals }) => approvals.find(id));
  if (!approval) throw notFound(`There is no request ${id}.`);
  showApproval(approval, options);
}

async function decide(
  id: string,
  approve: boolean,
  options: DataOption & { json?: true; reason?: string },
): Promise<void> {
  const { reason } = options;
  const outcome = await withStores(options, ({ approvals }) =>
    approvals.decide(id, {
      approve,
      ...(reason === undefined ? {} : { reason }),
      by: operator(),
      at: new Date(),
    }),
  );
  if (outcome.kind === 'unknown') throw notFound(`There is no request ${id}.`);
  const { approval } = outcome;
  if (outcome.kind === 'conflict')
    throw conflict(
      approval.state === 'pending'
        ? `The request ${id} has expired.`
        : `The request ${id} is ${approval.state} already.`,
    );
  if (options.json) printJson(approval);
  else
    print(
      approve
        ? `The request ${id} is approved: ${approval.device} gets its certificate when it asks again.`
        : `The request ${id} is rejected: ${approval.device} is told so when it asks again.`,
    );
}

function showApproval(approval: Approval, { json }: { json?: true }): void {
  if (json) printJson(approval);
  else printFields({ ...approval });
}
