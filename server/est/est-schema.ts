/** The `est` stanza of `bestow.yaml`: the EST listener, and what it grants to those who connect. */

import { isIP } from 'node:net';
import { z } from 'zod';
import { canonicalGeneralName } from '../../ca/general-names.ts';
import { duration, listenSyntax, milliseconds } from '../config-values.ts';

function isHostname(name: string): boolean {
  try {
    canonicalGeneralName(`${isIP(name) ? 'IP' : 'DNS'}:${name}`);
    return true;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}

export const estSchema = z.strictObject({
  listen: z
    .string()
    .regex(listenSyntax, 'must be HOST:PORT, such as 127.0.0.1:8443')
    .describe(
      'Address of the EST listener, `HOST:PORT`; port 0 picks a free one, an empty host means all.',
    ),
  hostnames: z
    .array(z.string().refine(isHostname, 'must be a DNS name or an IP address'))
    .min(1)
    .default(['localhost'])
    .describe(
      'DNS names and addresses that devices reach the server by, for the TLS certificate it gets of its own CA.',
    ),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(256)])
    .default('auto')
    .describe('Processes that serve EST; `auto` means one for each processor.'),
  limits: z
    .strictObject({
      connections: z.int().min(1).default(2000).describe('Connections at once, for each worker.'),
      handshakeTimeout: milliseconds
        .default(10_000)
        .describe('Milliseconds for the TLS handshake.'),
      headersTimeout: milliseconds
        .default(10_000)
        .describe('Milliseconds for the head of a request.'),
      requestTimeout: milliseconds.default(30_000).describe('Milliseconds for a whole request.'),
      keepAliveTimeout: milliseconds
        .default(15_000)
        .describe('Milliseconds a connection may idle.'),
    })
    .prefault({}),
  failures: z
    .strictObject({
      perCredentialAndSource: z
        .int()
        .min(1)
        .default(5)
        .describe('Failures of one user name from one source.'),
      perCredential: z
        .int()
        .min(1)
        .default(100)
        .describe('Failures of one user name from anywhere.'),
      perSource: z
        .int()
        .min(1)
        .default(100)
        .describe('Failures from one address, or one IPv6 /64.'),
      window: duration.default('15m').describe('Time after which failures are forgotten.'),
    })
    .prefault({})
    .describe('Failed authentications after which a credential or source has to wait.'),
  waiting: z
    .strictObject({
      retryAfter: duration
        .default('60s')
        .describe('When a device whose request waits for approval is told to ask again.'),
      validity: duration
        .default('7d')
        .describe('How long such a request, and what was decided about it, is remembered.'),
    })
    .prefault({})
    .describe('Requests that wait for a person (`bestow pending`).'),
});
