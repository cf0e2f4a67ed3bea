/**
 * The configuration file `bestow.yaml` of a data directory: read, checked whole, with every problem named.
 * Each stanza's type belongs to the folder that uses it. Secrets are referred to, never written here.
 */

import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { type ProfileConfig, parseDuration } from '../ca/certificate-profile.ts';
import type { FailureLimits } from '../enrollment/one-time-password-store.ts';
import type { TokenConfig } from '../hsm/token-config.ts';
import type { StorageConfig } from '../storage/stores.ts';
import { configSchema, defaultToken, type tokenSchema } from './config-schema.ts';
import { listenSyntax } from './config-values.ts';
import type { ListenerLimits } from './listener.ts';

export const configFile = 'bestow.yaml';

export interface ListenAddress {
  /** Empty for all addresses. */
  readonly host: string;
  readonly port: number;
}

/** A checked configuration, with all paths absolute. */
export interface Config {
  readonly directory: string;
  readonly est: {
    readonly listen: ListenAddress;
    /** What devices reach the server by. */
    readonly hostnames: readonly string[];
    readonly workers: number | 'auto';
    readonly limits: ListenerLimits;
    readonly failures: FailureLimits;
    /** Seconds. */
    readonly waiting: { readonly retryAfter: number; readonly validity: number };
  };
  /** By name; the one of the `hsm` stanza is `default`. */
  readonly tokens: Readonly<Record<string, TokenConfig>>;
  readonly storage: StorageConfig;
  readonly pepper: SecretReference;
  readonly profiles: { readonly device: ProfileConfig };
  readonly crl: {
    readonly validitySeconds: number;
    readonly overlapSeconds?: number;
    readonly partitions: number;
    /** Where CRLs are written as files. */
    readonly directory?: string;
  };
  /** The listener for relying parties; its URL has no slash at its end. */
  readonly status?: { readonly listen: ListenAddress; readonly url: string };
  readonly ocsp: { readonly validitySeconds: number };
  readonly events: {
    readonly allowNetworks: readonly string[];
    readonly allowHttp: boolean;
    readonly allowMqtt: boolean;
    /** By `HOST:PORT`. */
    readonly brokers: Readonly<Record<string, BrokerConfig>>;
    /** Path of a PEM file. */
    readonly authorities?: string;
    readonly source?: string;
    readonly keepSeconds: number;
    /** Milliseconds. */
    readonly timeout: number;
    readonly authorizationTimeout: number;
    readonly allocationTimeout: number;
  };
  readonly discovery: {
    readonly announce: boolean;
    readonly name?: string;
    readonly type: string;
    readonly interfaces: readonly string[];
  };
  readonly endpointArc: string;
  readonly serialPrefix: number;
  readonly log: { readonly level: string };
}

/** What a broker is shown. */
export interface BrokerConfig {
  readonly username?: string;
  readonly password?: SecretReference;
  /** Path of a PEM file. */
  readonly certificate?: string;
  readonly key?: SecretReference;
}

export type SecretReference = { readonly file: string } | { readonly env: string };

/** The configuration cannot be used; each problem is a sentence with its path. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(file: string, problems: readonly string[]) {
    super(`${file} cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** @throws ConfigError */
export function loadConfig(directory: string): Config {
  const file = join(resolve(directory), configFile);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(file, [
      `it cannot be read (${(cause as NodeJS.ErrnoException).code}); \`bestow init\` makes a data directory`,
    ]);
  }
  const document = parseDocument(text);
  if (document.errors.length > 0)
    throw new ConfigError(
      file,
      document.errors.map(({ message }) => message.split('\n')[0] ?? message),
    );
  const parsed = configSchema.safeParse(document.toJS());
  if (!parsed.success)
    throw new ConfigError(
      file,
      parsed.error.issues.map(
        ({ path, message }) => `${path.join('.') || 'top level'}: ${message}`,
      ),
    );
  return resolvePaths(parsed.data, resolve(directory));
}

function resolvePaths(data: z.infer<typeof configSchema>, directory: string): Config {
  const at = (path: string) => (isAbsolute(path) ? path : join(directory, path));
  const secretAt = (reference: SecretReference): SecretReference =>
    'file' in reference ? { file: at(reference.file) } : reference;
  const { listen, failures, waiting, ...est } = data.est;
  const { window, ...counts } = failures;
  const token = ({ environment, ...hsm }: z.infer<typeof tokenSchema>): TokenConfig => {
    const softHsmConf = environment?.SOFTHSM2_CONF;
    return {
      ...withoutUndefined(hsm),
      module: at(hsm.module),
      pin: secretAt(hsm.pin),
      ...(environment
        ? {
            environment: softHsmConf
              ? { ...environment, SOFTHSM2_CONF: at(softHsmConf) }
              : environment,
          }
        : {}),
    };
  };
  return {
    directory,
    est: {
      ...est,
      listen: parseListen(listen),
      failures: { ...counts, windowSeconds: parseDuration(window) },
      waiting: {
        retryAfter: parseDuration(waiting.retryAfter),
        validity: parseDuration(waiting.validity),
      },
    },
    tokens: Object.fromEntries(
      Object.entries({ ...data.tokens, [defaultToken]: data.hsm }).map(([name, each]) => [
        name,
        token(each),
      ]),
    ),
    storage: { ...data.storage, sqlite: at(data.storage.sqlite) },
    pepper: secretAt(data.oneTimePasswords.pepper),
    profiles: data.profiles,
    crl: {
      validitySeconds: parseDuration(data.crl.validity),
      ...(data.crl.overlap === undefined
        ? {}
        : { overlapSeconds: parseDuration(data.crl.overlap) }),
      partitions: data.crl.partitions,
      ...(data.crl.directory === undefined ? {} : { directory: at(data.crl.directory) }),
    },
    ...(data.status
      ? { status: { listen: parseListen(data.status.listen), url: data.status.url } }
      : {}),
    ocsp: { validitySeconds: parseDuration(data.ocsp.validity) },
    events: eventsOf(data.events, at, secretAt),
    discovery: withoutUndefined(data.discovery),
    endpointArc: data.endpointArc,
    serialPrefix: data.serialPrefix,
    log: data.log,
  };
}

function eventsOf(
  { keep, authorities, source, brokers, ...rest }: z.infer<typeof configSchema>['events'],
  at: (path: string) => string,
  secretAt: (reference: SecretReference) => SecretReference,
): Config['events'] {
  const broker = ({ username, password, certificate, key }: (typeof brokers)[string]) =>
    withoutUndefined({
      username,
      password: password && secretAt(password),
      certificate: certificate === undefined ? undefined : at(certificate),
      key: key && secretAt(key),
    });
  return {
    ...rest,
    brokers: Object.fromEntries(
      Object.entries(brokers).map(([name, each]) => [name.toLowerCase(), broker(each)]),
    ),
    ...(source === undefined ? {} : { source }),
    ...(authorities === undefined ? {} : { authorities: at(authorities) }),
    keepSeconds: parseDuration(keep),
  };
}

function parseListen(listen: string): ListenAddress {
  const colon = listen.lastIndexOf(':');
  const port = Number(listen.slice(colon + 1));
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port };
}

/** The same configuration with another `est.listen`. @throws TypeError with a sentence */
export function withListen(config: Config, listen: string): Config {
  if (!listenSyntax.test(listen) || parseListen(listen).port > 65_535)
    throw new TypeError(`"${listen}" is not HOST:PORT, such as 127.0.0.1:8443.`);
  return { ...config, est: { ...config.est, listen: parseListen(listen) } };
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Defined<T>;
}

/**
 * Reads a secret by its reference.
 * @throws Error with a sentence when it is missing, empty, or in a file that others can read
 */
export function readSecret(reference: SecretReference, what: string): string {
  if ('env' in reference) {
    const value = process.env[reference.env];
    if (!value)
      throw new Error(
        `The ${what} is to be in the environment variable ${reference.env}, which is empty.`,
      );
    return value;
  }
  if (statSync(reference.file).mode & 0o077)
    throw new Error(
      `The ${what} file ${reference.file} can be read by others; run chmod 600 on it.`,
    );
  const value = readFileSync(reference.file, 'utf8').trim();
  if (!value) throw new Error(`The ${what} file ${reference.file} is empty.`);
  return value;
}
