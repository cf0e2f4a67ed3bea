/**
 * When devices are released: evenly, by what is on record. What a server that stood still did not release is not made up for
 * all at once.
 */

import type { Campaign, Pace } from './campaign.ts';

/** Milliseconds of the pace that are made up for at most. */
const madeUpForMs = 5000;
/** Devices in one transaction. */
const mostAtOnce = 200;

export interface DueReleases {
  readonly count: number;
  /** When the first of them was due; those after it follow in steps. */
  readonly from: Date;
}

function stepMs({ devices, seconds }: Pace): number {
  return (seconds * 1000) / devices;
}

export function dueReleases(
  { pace, nextReleaseAt }: Pick<Campaign, 'pace' | 'nextReleaseAt'>,
  now: Date,
): DueReleases {
  const from = Math.max(nextReleaseAt.getTime(), now.getTime() - madeUpForMs);
  const count = from > now.getTime() ? 0 : 1 + Math.floor((now.getTime() - from) / stepMs(pace));
  return { count: Math.min(count, mostAtOnce), from: new Date(from) };
}

/** When the next one is due, once so many were released. Never sooner than the pace allows. */
export function dueAfter(from: Date, released: number, pace: Pace): Date {
  return new Date(Math.ceil(from.getTime() + released * stepMs(pace)));
}
