import { statSync } from 'node:fs';

/** One line on standard error that is written over and over; nothing where that is no terminal. */
export function progressLine(path: string): { at(octets: number, row: number): void; end(): void } {
  if (!process.stderr.isTTY) return { at: () => undefined, end: () => undefined };
  const size = statSync(path).size;
  const begun = performance.now();
  return {
    at(octets, row) {
      const seconds = (performance.now() - begun) / 1000;
      const share = Math.min(1, octets / size);
      const left = Math.ceil(seconds / share - seconds);
      const bar = '#'.repeat(Math.round(share * 30)).padEnd(30, '.');
      process.stderr.write(`\r[${bar}] ${Math.round(share * 100)} %, row ${row}, ${left} s left  `);
    },
    end: () => void process.stderr.write('\r\u001b[K'),
  };
}
