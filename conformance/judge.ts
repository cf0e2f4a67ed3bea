import type { EstServer } from './est-server.ts';
import { isMandatory, type Requirement } from './requirement.ts';
import { Skip } from './skip.ts';

export interface Outcome extends Pick<Requirement, 'id' | 'level' | 'source' | 'title'> {
  /** 'warn' is a failure of something that is recommended but not mandatory. */
  readonly status: 'pass' | 'fail' | 'warn' | 'skip';
  readonly reason?: string;
}

const CONCURRENT = 4;
const PATIENCE = 120_000;

/** Runs the cases, a few at a time, and reports them in the order of the list. */
export async function judge(
  server: EstServer,
  requirements: readonly Requirement[],
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let started = 0;
  let reported = 0;
  const work = async () => {
    for (let index = started++; index < requirements.length; index = started++) {
      const requirement = requirements[index];
      if (requirement === undefined) return;
      outcomes[index] = await judgeOne(server, requirement);
      for (let next = outcomes[reported]; next; next = outcomes[++reported]) report(next);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, work));
  return outcomes;
}

async function judgeOne(server: EstServer, requirement: Requirement): Promise<Outcome> {
  const { id, level, source, title, test } = requirement;
  const row = { id, level, source, title };
  try {
    await inTime(test(server));
    return { ...row, status: 'pass' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof Skip) return { ...row, status: 'skip', reason };
    return { ...row, status: isMandatory(level) ? 'fail' : 'warn', reason };
  }
}

async function inTime(test: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the case did not come to an end')), PATIENCE);
  });
  try {
    await Promise.race([test, expired]);
  } finally {
    clearTimeout(timer);
  }
}
