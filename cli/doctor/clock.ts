import { clockTolerance } from '../../ca/clock-guard.ts';
import { type Examined, type Finding, ok } from './finding.ts';

const action =
  'set the clock right and keep it so (NTP); if it is right now and was ahead before, run `bestow ca accept-clock`';

/** Nothing else here knows the time better than the audit log. */
export async function checkClock({ stores, now }: Examined): Promise<Finding[]> {
  return [clockFinding(await (await stores()).ledger.latestEntry(), now)];
}

export function clockFinding(latest: Date | undefined, now: Date): Finding {
  const behind = (latest?.getTime() ?? 0) - now.getTime();
  if (!latest || behind <= 0) return ok(`it says ${now.toISOString()}, after all of the audit log`);
  const message = `it says ${now.toISOString()}, but the audit log has an entry of ${latest.toISOString()}`;
  return behind > clockTolerance
    ? { severity: 'critical', message: `${message}: no certificate is issued`, action }
    : { severity: 'warn', message, action };
}
