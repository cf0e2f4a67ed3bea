import { readFileSync, statSync } from 'node:fs';
import { notFound, usage } from './exit.ts';

const largest = 2 ** 24;

/**
 * What stands in a PEM or DER file, DER: all objects of that label (RFC 7468), or the one there is.
 * @throws CommandError
 */
export function readObjects(path: string, label: string): Buffer[] {
  const state = statSync(path, { throwIfNoEntry: false });
  if (!state?.isFile()) throw notFound(`There is no file ${path}.`);
  if (state.size > largest) throw usage(`${path} is larger than 16 MiB.`);
  const content = readFileSync(path);
  // DER of what is read here begins with a SEQUENCE, which no text does.
  if (content[0] === 0x30) return [content];
  const blocks = content
    .toString('latin1')
    .matchAll(
      new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, 'g'),
    );
  const found = [...blocks].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
  if (found.length === 0) throw usage(`${path} holds no ${label}, neither as PEM nor as DER.`);
  return found;
}

/** The same for a file that holds one. @throws CommandError */
export function readObject(path: string, label: string): Buffer {
  const [object, ...more] = readObjects(path, label);
  if (!object || more.length > 0) throw usage(`${path} holds more than one ${label}.`);
  return object;
}
