import { Command } from 'commander';
import { type DataOption, operator, withData, withStores } from '../data.ts';
import { print } from '../print.ts';

/** For after the clock stood in the future and wrote entries there: the guard would refuse to issue until then. */
export function acceptClockCommand(): Command {
  return withData(new Command('accept-clock'))
    .description('take the clock for right, though the audit log has a later time; see `doctor`')
    .action(accept);
}

async function accept(options: DataOption): Promise<void> {
  const now = new Date();
  const before = await withStores(options, async ({ ledger }) => {
    const latest = await ledger.latestEntry();
    await ledger.acceptClock(now, operator());
    return latest;
  });
  print(
    `${now.toISOString()} counts as now; the latest time in the audit log was ${before?.toISOString() ?? 'none'}.`,
  );
}
