/** The `discovery` stanza of `bestow.yaml`: whether the server announces itself, where, and by which name. */

import { z } from 'zod';
import { isInstanceName, serviceTypeSyntax } from './service-records.ts';

export const discoverySchema = z.strictObject({
  announce: z
    .boolean()
    .default(false)
    .describe(
      'Whether the server announces itself on the local network by DNS-SD over multicast DNS (docs/discovery.md).',
    ),
  name: z
    .string()
    .refine(isInstanceName, 'must be 1 to 63 octets without dots and control characters')
    .optional()
    .describe(
      'What it is called there; default `Bestow on` and the name of the host. Where another server has the name, a number follows it.',
    ),
  type: z
    .string()
    .regex(serviceTypeSyntax, 'must be a service type over TCP, such as _est._tcp')
    .default('_est._tcp')
    .describe('The service type that it is found by.'),
  interfaces: z
    .array(z.string().min(1).max(60))
    .max(16)
    .default([])
    .describe(
      'Names or IPv4 addresses of the network interfaces on which it is announced; default all that EST listens at and that lead out of the host.',
    ),
});
