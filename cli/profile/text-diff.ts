import { diff } from 'node:util';

const context = 3;

function linesOf(text: string): string[] {
  return text === '' ? [] : text.trimEnd().split('\n');
}

/** What changes from one text to the other, line by line: ` ` as before, `-` no more, `+` new; `...` for what is left out. */
export function textDiff(before: string, after: string): string[] {
  const lines = diff(linesOf(before), linesOf(after)).map(([operation, line]) => ({
    mark: operation === 0 ? ' ' : operation > 0 ? '-' : '+',
    line,
  }));
  const changed = lines.flatMap(({ mark }, i) => (mark === ' ' ? [] : [i]));
  const isNear = (at: number) => changed.some((i) => Math.abs(i - at) <= context);
  return lines.flatMap(({ mark, line }, i) => {
    if (isNear(i)) return [`${mark} ${line}`];
    return i > 0 && isNear(i - 1) && changed.some((each) => each > i) ? ['...'] : [];
  });
}
