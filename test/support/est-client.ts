/**
 * An EST client for tests: node:https with every header in the open.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecureVersion } from 'node:tls';

export interface EstRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
  readonly user?: string;
  readonly password?: string;
  readonly tls?: SecureVersion;
  /** Keeps the connection; without it the request has one of its own. */
  readonly agent?: Agent;
}

export interface EstAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** One request, on a connection of its own unless an agent keeps one. */
export function call(url: string, root: string, options: EstRequest = {}): Promise<EstAnswer> {
  const { method = 'GET', headers = {}, body, certificate, key, user, password, tls } = options;
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      url,
      {
        method,
        ca: root,
        agent: options.agent ?? false,
        timeout: 20_000,
        headers: {
          ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }),
          ...headers,
        },
        ...(certificate ? { cert: certificate, key } : {}),
        ...(password === undefined ? {} : { auth: `${user ?? ''}:${password}` }),
        ...(tls ? { minVersion: tls, maxVersion: tls } : {}),
      },
      (incoming) => {
        let text = '';
        incoming.setEncoding('latin1').on('data', (part: string) => {
          text += part;
        });
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            rawHeaders: incoming.rawHeaders,
            body: text,
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${url} within 20 s`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** POSTs a request (DER) as RFC 8951 says. */
export function post(
  url: string,
  root: string,
  der: Uint8Array,
  options: EstRequest = {},
): Promise<EstAnswer> {
  return call(url, root, {
    method: 'POST',
    body: Buffer.from(der).toString('base64'),
    ...options,
    headers: { 'Content-Type': 'application/pkcs10', ...options.headers },
  });
}

/** A device's key and requests by it, made with OpenSSL as a device's engineer would. */
export interface DeviceKey {
  /** PEM. */
  readonly key: string;
  /** A PKCS#10 request, DER. */
  request(subject: string, ...args: string[]): Buffer;
}

const algorithms = {
  'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'P-521': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  'P-192': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime192v1'],
  'RSA-1024': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  'RSA-2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  'RSA-3072': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
  'RSA-4096': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:4096'],
  Ed25519: ['-algorithm', 'ED25519'],
} as const;
export type KeyKind = keyof typeof algorithms;

export function makeKey(kind: KeyKind = 'P-256'): DeviceKey {
  const key = openssl(['genpkey', ...algorithms[kind]]).toString();
  return {
    key,
    request: (subject, ...args) =>
      withFile(key, (file) =>
        openssl(['req', '-new', '-key', file, '-subj', subject, '-outform', 'DER', ...args]),
      ),
  };
}

/** Runs OpenSSL and returns its standard output; throws with its complaint. */
export function openssl(args: readonly string[], input?: Uint8Array | string): Buffer {
  return execFileSync('openssl', args, {
    ...(input === undefined ? {} : { input }),
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  });
}

/** Writes a temporary file for as long as `work` runs. */
export function withFile<T>(content: string | Uint8Array, work: (path: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-file-'));
  try {
    const path = join(directory, 'file');
    writeFileSync(path, content, { mode: 0o600 });
    return work(path);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The certificates of a certs-only answer, PEM, as OpenSSL reads them. */
export function certificatesOf({ body }: Pick<EstAnswer, 'body'>): string[] {
  const text = openssl(
    ['pkcs7', '-inform', 'DER', '-print_certs'],
    Buffer.from(body, 'base64'),
  ).toString();
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
}

/** The one certificate of an enrollment answer, PEM; throws what the server said when it gave none. */
export function certificateOf(answer: EstAnswer): string {
  if (answer.status !== 200)
    throw new Error(`The server answered ${answer.status}: ${answer.body}`);
  const [certificate, ...more] = certificatesOf(answer);
  if (!certificate || more.length > 0)
    throw new Error('The answer does not hold exactly one certificate.');
  return certificate;
}

export function readText(path: string): string {
  return readFileSync(path, 'utf8');
}
