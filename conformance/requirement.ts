import type { EstServer } from './est-server.ts';

export type Level =
  | 'MUST'
  | 'MUST NOT'
  | 'SHOULD'
  | 'SHOULD NOT'
  | 'MAY'
  | 'OPT'
  // A recommendation of this suite: interoperability or safety, but no keyword of a standard.
  | 'REC';

/** One row of the list: what a server owes its clients, and how to see from outside whether it keeps to it. */
export interface Requirement {
  readonly id: string;
  readonly level: Level;
  readonly source: string;
  readonly title: string;
  /** Resolves if the server does what the title says, throws an AssertionError or calls skip() otherwise. */
  readonly test: (server: EstServer) => Promise<void>;
}

/** Only these two levels make a server non-conforming; the rest are warnings. */
export function isMandatory(level: Level): boolean {
  return level === 'MUST' || level === 'MUST NOT';
}
