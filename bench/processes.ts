import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']));

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** User and system time, in clock ticks. */
  readonly ticks: number;
}

/** CPU seconds that a process and all its living descendants have used, user and system. */
export function cpuSecondsOf(pid: number): number {
  return rowsOf(pid).reduce((sum, row) => sum + row.ticks, 0) / ticksPerSecond;
}

/** A process and all its living descendants. */
export function processTree(pid: number): number[] {
  return rowsOf(pid).map((row) => row.pid);
}

function rowsOf(pid: number): ProcessRow[] {
  const rows = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? readRow(name) : []));
  const tree = [pid];
  for (const member of tree)
    for (const { pid: child, parent } of rows) if (parent === member) tree.push(child);
  return rows.filter((row) => tree.includes(row.pid));
}

/** Fields 4, 14 and 15 of /proc/PID/stat, counted after the name, which may hold blanks. */
function readRow(pid: string): ProcessRow[] {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It ended between the listing and the reading.
    return [];
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [
    { pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) },
  ];
}
