import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']));

/** CPU seconds that a process and all its living descendants have used, user and system. */
export function cpuSecondsOf(pid: number): number {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const tree = [pid];
  for (const parent of tree)
    for (const [child, of] of rows) if (of === parent && child !== undefined) tree.push(child);
  return tree.reduce((sum, member) => sum + ticksOf(member), 0) / ticksPerSecond;
}

/** Fields 14 and 15 of /proc/PID/stat, counted after the name, which may hold blanks. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
