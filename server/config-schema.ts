/**
 * What may stand in `bestow.yaml`, with defaults and explanations; docs/configuration.md is made from this. The stanza of a
 * folder of server/ is in that folder.
 */

import { z } from 'zod';
import { endpointCarriers } from '../ca/certificate-profile.ts';
import { mostPartitions } from '../ca/crl-partition.ts';
import { defaultEndpointArc } from '../ca/extensions/upstream-endpoints.ts';
import { tokenLimits } from '../hsm/token-config.ts';
import { duration, isShorter, milliseconds, secret } from './config-values.ts';
import { discoverySchema } from './discovery/discovery-schema.ts';
import { estSchema } from './est/est-schema.ts';
import { eventsSchema } from './events/events-schema.ts';
import { statusSchema } from './status/status-schema.ts';

const within = ([low, high]: readonly [number, number]) => z.int().min(low).max(high).optional();

/** The name of the token in the `hsm` stanza. */
export const defaultToken = 'default';

export const tokenSchema = z.strictObject({
  module: z.string().describe('Path of the PKCS#11 library.'),
  token: z.string().describe('Label of the token.'),
  pin: secret.describe('The user PIN: `{ file: PATH }` (mode 0600) or `{ env: NAME }`.'),
  environment: z
    .record(z.string(), z.string())
    .optional()
    .describe('Variables the library reads, such as SOFTHSM2_CONF.'),
  deadline: within(tokenLimits.deadline).describe(
    'Milliseconds one signature may take, 60000 at most; default 5000.',
  ),
  sessions: within(tokenLimits.sessions).describe(
    'PKCS#11 sessions kept open for each key; default 4.',
  ),
  probeInterval: within(tokenLimits.probeInterval).describe(
    'Milliseconds between test signatures; default 5000.',
  ),
});

export const configSchema = z
  .strictObject({
    est: estSchema,
    hsm: tokenSchema.describe('The token of the CA, by the name `default`.'),
    tokens: z
      .record(
        z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be small letters, digits and hyphens'),
        tokenSchema,
      )
      .default({})
      .refine((tokens) => !(defaultToken in tokens), {
        message: `must not name one \`${defaultToken}\`: that is the token of \`hsm\``,
      })
      .describe(
        'Further tokens by name, with the keys of `hsm`: for the root, or for an issuer of its own.',
      ),
    storage: z
      .strictObject({
        sqlite: z.string().default('bestow.db').describe('Path of the SQLite database.'),
        busyTimeout: milliseconds
          .default(5000)
          .describe("Milliseconds to wait for another process's lock."),
      })
      .prefault({}),
    oneTimePasswords: z
      .strictObject({
        pepper: secret
          .prefault({ file: 'secrets/one-time-password-pepper' })
          .describe('The key one-time passwords are hashed under, kept apart from the database.'),
      })
      .prefault({})
      .describe('The key one-time passwords are hashed under, kept apart from the database.'),
    profiles: z
      .strictObject({
        device: z
          .strictObject({
            validity: duration
              .default('90d')
              .describe(
                'How long the certificates of the built-in device profiles are valid (docs/profiles.md).',
              ),
            endpoints: z
              .enum(endpointCarriers)
              .default('extension')
              .describe(
                'Where the upstream endpoints stand: `extension`, `sia`, `extension-and-sia` or `none`.',
              ),
          })
          .prefault({}),
      })
      .prefault({}),
    crl: z
      .strictObject({
        validity: duration
          .default('7d')
          .describe(
            'From thisUpdate to nextUpdate of a CRL; a new one is made before that (`crl.overlap`), and after each revocation.',
          ),
        overlap: duration
          .optional()
          .describe(
            'How long before nextUpdate of a CRL the next one is made at the latest; default half of `crl.validity`.',
          ),
        partitions: z
          .int()
          .min(1)
          .max(mostPartitions)
          .default(1)
          .describe(
            'How many CRLs share the certificates that are issued from now on, each with its own address; 1 is the whole CRL alone, which there always is. More than one needs `status`.',
          ),
        directory: z
          .string()
          .optional()
          .describe(
            'Where each new CRL is written as a file as well, DER, for other web servers: `ISSUER.crl` and `ISSUER/PARTITION.crl`.',
          ),
      })
      .refine(({ validity, overlap }) => overlap === undefined || isShorter(overlap, validity), {
        path: ['overlap'],
        message: 'must be shorter than crl.validity',
      })
      .prefault({}),
    status: statusSchema.optional(),
    ocsp: z
      .strictObject({
        validity: duration
          .default('1h')
          .describe(
            'From thisUpdate to nextUpdate of an OCSP answer: as long may others keep one; a new question gets the status of the moment.',
          ),
      })
      .prefault({}),
    events: eventsSchema.prefault({}),
    discovery: discoverySchema.prefault({}),
    endpointArc: z
      .string()
      .regex(
        /^([01]\.[1-3]?\d|2\.(0|[1-9]\d*))(\.(0|[1-9]\d*))+$/,
        'must be a dotted object identifier',
      )
      .default(defaultEndpointArc)
      .describe('Arc of the endpoint extension (`.1`) and access method (`.2`).'),
    serialPrefix: z
      .int()
      .min(1)
      .max(127)
      .default(1)
      .describe(
        'First octet of serial numbers; another one for each node that issues under the same CA.',
      ),
    log: z
      .strictObject({
        level: z
          .enum(['debug', 'info', 'warn', 'error'])
          .default('info')
          .describe('Least severity that is logged.'),
      })
      .prefault({}),
  })
  .refine(({ crl, status }) => crl.partitions === 1 || status !== undefined, {
    path: ['crl', 'partitions'],
    message: 'needs `status` where there are more than 1: certificates name the address of theirs',
  });
