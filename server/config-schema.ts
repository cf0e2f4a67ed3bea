/**
 * What may stand in `bestow.yaml`, with defaults and explanations; docs/configuration.md is made from this.
 */

import { isIP } from 'node:net';
import { z } from 'zod';
import { endpointCarriers, parseDuration } from '../ca/certificate-profile.ts';
import { mostPartitions } from '../ca/crl-partition.ts';
import { defaultEndpointArc } from '../ca/extensions/upstream-endpoints.ts';
import { canonicalGeneralName } from '../ca/general-names.ts';
import { tokenLimits } from '../hsm/token-config.ts';
import { isInstanceName, serviceTypeSyntax } from './discovery/service-records.ts';
import { networkProblem } from './events/allowed-addresses.ts';
import { isBrokerName } from './events/broker-address.ts';

const durationSyntax = /^\d{1,6}[smhd]$/;
const duration = z
  .string()
  .refine((text) => durationSyntax.test(text), 'must be a number and s, m, h or d, such as 90d');
/** What is malformed was said to be so already. */
const isShorter = (one: string, other: string) =>
  [one, other].some((text) => !durationSyntax.test(text)) ||
  parseDuration(one) < parseDuration(other);
const secret = z
  .union([z.strictObject({ file: z.string() }), z.strictObject({ env: z.string() })])
  .describe('`{ file: PATH }` (mode 0600) or `{ env: NAME }`.');
export const listenSyntax = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]]*):\d{1,5}$/;
/** http, since who fetches status by https needs the status of that certificate first; and no slash at the end. */
const statusUrlSyntax = /^http:\/\/[a-z0-9.\-[\]:]+(\/[a-z0-9\-._~]+)*$/i;
const milliseconds = z.int().min(100).max(600_000);
const within = ([low, high]: readonly [number, number]) => z.int().min(low).max(high).optional();

function isHostname(name: string): boolean {
  try {
    canonicalGeneralName(`${isIP(name) ? 'IP' : 'DNS'}:${name}`);
    return true;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}

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

export const configSchema = z
  .strictObject({
    est: z.strictObject({
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
          connections: z
            .int()
            .min(1)
            .default(2000)
            .describe('Connections at once, for each worker.'),
          handshakeTimeout: milliseconds
            .default(10_000)
            .describe('Milliseconds for the TLS handshake.'),
          headersTimeout: milliseconds
            .default(10_000)
            .describe('Milliseconds for the head of a request.'),
          requestTimeout: milliseconds
            .default(30_000)
            .describe('Milliseconds for a whole request.'),
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
    }),
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
    status: z
      .strictObject({
        listen: z
          .string()
          .regex(listenSyntax, 'must be HOST:PORT, such as :80')
          .describe(
            'Address of the listener for CRL, CA certificates and OCSP, plain HTTP; without the `status` stanza there is none.',
          ),
        url: z
          .string()
          .max(200)
          .refine(
            (url) => statusUrlSyntax.test(url) && URL.canParse(url),
            'must be an http address without a slash at its end, such as http://pki.example',
          )
          .describe(
            'Where relying parties reach it, such as `http://pki.example`: certificates issued from then on say so.',
          ),
      })
      .optional(),
    ocsp: z
      .strictObject({
        validity: duration
          .default('1h')
          .describe(
            'From thisUpdate to nextUpdate of an OCSP answer: as long may others keep one; a new question gets the status of the moment.',
          ),
      })
      .prefault({}),
    events: z
      .strictObject({
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
        keep: duration
          .default('30d')
          .describe('How long events are kept for replay, delivered or not.'),
        timeout: milliseconds
          .default(10_000)
          .describe('Milliseconds for the delivery of one event.'),
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
      })
      .prefault({}),
    discovery: z
      .strictObject({
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
      })
      .prefault({}),
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
