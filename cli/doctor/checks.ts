/** The table of what `bestow doctor` examines, in the order it tells. */

import { checkBootstrapCredentials } from './bootstrap-credentials.ts';
import { checkClock } from './clock.ts';
import { checkCrlAge } from './crl.ts';
import { checkDatabase } from './database.ts';
import { checkEndpointArc } from './endpoint-arc.ts';
import { checkExpiry } from './expiry.ts';
import { checkFileModes } from './file-modes.ts';
import type { Check, Examined, Finding } from './finding.ts';
import { checkGroups } from './groups.ts';
import { checkIntents } from './intents.ts';
import { checkKeys } from './keys.ts';
import { checkProfiles } from './profiles.ts';
import { checkWebhooks } from './webhooks.ts';

export const checks = {
  database: checkDatabase,
  clock: checkClock,
  certificates: checkExpiry,
  crl: checkCrlAge,
  keys: checkKeys,
  intents: checkIntents,
  groups: checkGroups,
  'bootstrap credentials': checkBootstrapCredentials,
  webhooks: checkWebhooks,
  profiles: checkProfiles,
  'endpoint arc': checkEndpointArc,
  files: checkFileModes,
} as const satisfies Readonly<Record<string, Check>>;

export type NamedFinding = { readonly check: string } & Finding;

/** One after the other; what cannot be examined hides nothing else. */
export async function examine(examined: Examined): Promise<NamedFinding[]> {
  const findings: NamedFinding[] = [];
  for (const [check, run] of Object.entries<Check>(checks))
    for (const finding of await runCheck(run, examined)) findings.push({ check, ...finding });
  return findings;
}

async function runCheck(run: Check, examined: Examined): Promise<Finding[]> {
  try {
    return await run(examined);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [
      {
        severity: 'critical',
        message: `cannot be examined: ${reason}`,
        action: 'the message names what is missing; `bestow check-config` tells more',
      },
    ];
  }
}
