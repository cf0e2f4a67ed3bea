import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Another server runs on this data directory. */
export class AlreadyServing extends Error {
  override readonly name = 'AlreadyServing';
}

/**
 * Claims a data directory for one server; a file left by a server that was killed is taken over.
 * @returns gives the claim back
 * @throws AlreadyServing
 */
export function lockServer(file: string): () => void {
  const claim = () => writeFileSync(file, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
  try {
    claim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const pid = Number(readFileSync(file, 'utf8'));
    if (isServer(pid))
      throw new AlreadyServing(`A server already runs on this data directory (process ${pid}).`);
    rmSync(file, { force: true });
    claim();
  }
  return () => rmSync(file, { force: true });
}

/** Process ids are reused: only a process that runs this program counts. */
function isServer(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('main.ts');
}
