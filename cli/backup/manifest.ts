/**
 * What a backup says of itself, before its files.
 */

import { z } from 'zod';
import { UnsealError } from './sealed-file.ts';

/** Below the data directory, and nowhere else. */
const path = z
  .string()
  .max(1000)
  .refine(
    (text) =>
      text.split('/').every((part) => part !== '' && part !== '.' && part !== '..') &&
      !/[\\\0]/.test(text),
    'must be a path below the data directory',
  );

const file = z.strictObject({
  path,
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Permission bits; others can never write. */
  mode: z.int().min(0).max(0o755),
});

const key = z.strictObject({
  /** Name of the token in the configuration. */
  token: z.string(),
  /** CKA_LABEL. */
  label: z.string(),
  /** CKA_ID, hexadecimal. */
  id: z.string(),
});

const manifest = z.strictObject({
  format: z.literal(1),
  takenAt: z.iso.datetime(),
  /** Taken of a server that was stopped for good: nothing can have happened there since. */
  final: z.boolean(),
  /** Name of the last migration of the database. */
  schema: z.string(),
  /** SHA-256 of each root certificate, as `openssl x509 -fingerprint -sha256` prints it. */
  rootFingerprints: z.array(z.string()).max(100),
  /** Which of `files` is the database. */
  database: path,
  /** What has to be in the tokens for the CA to go on. */
  keys: z.array(key).max(10_000),
  /** Sentences: what the CA needs that is not in this file. */
  missing: z.array(z.string()).max(100),
  files: z.array(file).max(100_000),
});

export type Manifest = Readonly<z.infer<typeof manifest>>;
export type BackedUpFile = Readonly<z.infer<typeof file>>;
export type KeyInToken = Readonly<z.infer<typeof key>>;

/** @throws UnsealError */
export function readManifest(json: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new UnsealError('The manifest is no JSON.');
  }
  const { success, data, error } = manifest.safeParse(value);
  if (success && data.files.some((each) => each.path === data.database)) return data;
  const problem = error?.issues[0];
  throw new UnsealError(
    `The manifest cannot be read: ${problem ? `${problem.path.join('.')}: ${problem.message}` : 'it names no database'}.`,
  );
}
