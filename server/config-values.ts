/**
 * Values of `bestow.yaml` that are written alike wherever they stand, for the schemas of its stanzas.
 */

import { z } from 'zod';
import { parseDuration } from '../ca/certificate-profile.ts';

const durationSyntax = /^\d{1,6}[smhd]$/;

export const duration = z
  .string()
  .refine((text) => durationSyntax.test(text), 'must be a number and s, m, h or d, such as 90d');

/** What is malformed was said to be so already. */
export const isShorter = (one: string, other: string) =>
  [one, other].some((text) => !durationSyntax.test(text)) ||
  parseDuration(one) < parseDuration(other);

export const secret = z
  .union([z.strictObject({ file: z.string() }), z.strictObject({ env: z.string() })])
  .describe('`{ file: PATH }` (mode 0600) or `{ env: NAME }`.');

/** `HOST:PORT`, with an IPv6 address in brackets. */
export const listenSyntax = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]]*):\d{1,5}$/;

export const milliseconds = z.int().min(100).max(600_000);
