import type { IssuanceRecord } from '../../ca/issuance-ledger.ts';
import { type Examined, type Finding, ok } from './finding.ts';

const hour = 3_600_000;
const most = 1000;

/** A device that lost its answer comes back in minutes; who has not after an hour may never do. */
export async function checkIntents({ stores, now }: Examined): Promise<Finding[]> {
  const unfinishedSince = new Date(now.getTime() - hour);
  const records = await (await stores()).ledger.list({ unfinishedSince, limit: most });
  return [intentsFinding(records, now)];
}

export function intentsFinding(records: readonly IssuanceRecord[], now: Date): Finding {
  const waiting = records.filter(({ notAfter }) => notAfter > now);
  const oldest = waiting.at(-1);
  if (!oldest) return ok('none has waited for its certificate for more than an hour');
  const { serialNumber, recordedAt, subscriber = 'no device' } = oldest;
  const count = records.length === most ? `${most} or more` : String(waiting.length);
  return {
    severity: 'warn',
    message: `${count} never became a certificate; the oldest is ${serialNumber} for ${subscriber}, of ${recordedAt.toISOString()}`,
    action: 'the same request of the device finishes it; `bestow cert revoke SERIAL` ends it',
  };
}
