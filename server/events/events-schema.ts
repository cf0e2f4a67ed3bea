/**
 * The `events` stanza of `bestow.yaml`: where webhooks and brokers may be, how long they may take, and what they are shown.
 */

import { z } from 'zod';
import { duration, milliseconds, secret } from '../config-values.ts';
import { networkProblem } from './allowed-addresses.ts';
import { isBrokerName } from './broker-address.ts';

const brokerSchema = z
  .strictObject({
    username: z.string().min(1).max(200).optional(),
    password: secret.optional().describe('`{ file: PATH }` (mode 0600) or `{ env: NAME }`.'),
    certificate: z
      .string()
      .optional()
      .describe('Path of a PEM file: the certificate, and its chain.'),
    key: secret.optional().describe('PEM of its key, by reference.'),
  })
  .refine(({ username, password }) => password === undefined || username !== undefined, {
    path: ['password'],
    message: 'needs `username`',
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
    path: ['certificate'],
    message: 'needs `key`, and `key` needs it',
  });

export const eventsSchema = z.strictObject({
  allowNetworks: z
    .array(
      z.string().superRefine((cidr, context) => {
        const problem = networkProblem(cidr);
        if (problem) context.addIssue({ code: 'custom', message: problem });
      }),
    )
    .default([])
    .describe(
      'Networks that webhooks may lead to though they are not public, in CIDR notation; without, no address that is private, loopback, link-local or otherwise special is reached.',
    ),
  allowHttp: z.boolean().default(false).describe('Whether webhooks may be plain http.'),
  allowMqtt: z
    .boolean()
    .default(false)
    .describe(
      'Whether brokers may be reached by plain mqtt, without TLS; credentials are never sent so.',
    ),
  brokers: z
    .record(
      z.string().refine(isBrokerName, 'must be HOST:PORT, such as broker.example:8883'),
      brokerSchema,
    )
    .default({})
    .describe(
      'What the server shows a broker that events go to, by `HOST:PORT` of its address: `username` with `password`, or `certificate` with `key`, or both (docs/events.md). Nothing of it is sent elsewhere.',
    ),
  authorities: z
    .string()
    .optional()
    .describe(
      'Path of a PEM file with CA certificates that receivers of webhooks and brokers are verified by, besides the public ones.',
    ),
  source: z
    .url()
    .optional()
    .describe(
      'URI that events give as their source (CloudEvents); default `https://` and the first of `est.hostnames`.',
    ),
  keep: duration.default('30d').describe('How long events are kept for replay, delivered or not.'),
  timeout: milliseconds.default(10_000).describe('Milliseconds for the delivery of one event.'),
  authorizationTimeout: milliseconds
    .default(3000)
    .describe(
      'Milliseconds for the answer of an authorization webhook; without one in time nothing is issued.',
    ),
  allocationTimeout: milliseconds
    .default(3000)
    .describe(
      'Milliseconds for the answer of an allocation webhook; without one in time the policy says what counts.',
    ),
});
