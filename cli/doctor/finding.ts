/** What an examination finds, and how bad it is. */

import type { Config } from '../../server/config.ts';
import type { OpenStores } from '../../storage/stores.ts';

/**
 * `info`: good to know. `warn`: it will hurt, or weakens something. `critical`: devices get no certificates or relying
 * parties no status, now or in days, or a secret is open.
 */
export const severities = ['ok', 'info', 'warn', 'critical'] as const;
export type Severity = (typeof severities)[number];

/** Beyond those of cli/exit.ts, so that a script can tell a finding from a failure of the command. */
export const findingExitCodes: Readonly<Record<Severity, number>> = {
  ok: 0,
  info: 10,
  warn: 11,
  critical: 12,
};

export interface Finding {
  readonly severity: Severity;
  /** One sentence or less. */
  readonly message: string;
  /** What to do about it; every finding but `ok` has it. */
  readonly action?: string;
}

/** What is examined. */
export interface Examined {
  readonly config: Config;
  readonly now: Date;
  /** Opened by the first check that asks. */
  stores(): Promise<OpenStores>;
}

/** One family of checks. What it throws is a finding too. */
export type Check = (examined: Examined) => Finding[] | Promise<Finding[]>;

export const ok = (message: string): Finding => ({ severity: 'ok', message });

export function worstOf(findings: readonly Finding[]): Severity {
  const ranks = findings.map(({ severity }) => severities.indexOf(severity));
  return severities[Math.max(0, ...ranks)] ?? 'critical';
}
