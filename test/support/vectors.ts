import { readdirSync, readFileSync } from 'node:fs';

const directory = new URL('../vectors/', import.meta.url);

/** The names of all vectors, as readVector takes them. */
export const vectorNames: readonly string[] = readdirSync(directory)
  .filter((file) => file.endsWith('.txt'))
  .map((file) => file.slice(0, -'.txt'.length));

/** The octets of a published example (test/vectors/README.md). */
export function readVector(name: string): Buffer {
  const text = readFileSync(new URL(`${name}.txt`, directory), 'latin1');
  if (name.endsWith('.hex')) return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
  return Buffer.from(text.replaceAll(/-----[^-]+-----/g, ''), 'base64');
}
