/** What stands where in a data directory. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function dataPaths(directory: string) {
  const at = (...parts: string[]) => join(directory, ...parts);
  return {
    /** Copies for other programs: the database has what counts. */
    root: at('ca', 'root.pem'),
    issuing: at('ca', 'issuing.pem'),
    /** Of the ceremony, signed. */
    minutes: at('ca', 'ceremony-minutes.p7m'),
    /** The first request to a CA above, under an external root. */
    issuingRequest: at('ca', 'issuing.csr'),
    serverKey: at('tls', 'server-key.pem'),
    serverChain: at('tls', 'server.pem'),
    softHsm: at('hsm'),
    pin: at('secrets', 'pin'),
    securityOfficerPin: at('secrets', 'security-officer-pin'),
    rootPin: at('secrets', 'root-pin'),
    rootSecurityOfficerPin: at('secrets', 'root-security-officer-pin'),
    pepper: at('secrets', 'one-time-password-pepper'),
    run: at('run'),
    estUrl: at('run', 'est.url'),
    statusUrl: at('run', 'status.url'),
    /** @param token its name in the configuration */
    pinRefused: (token: string) =>
      at('run', token === 'default' ? 'pin-refused' : `pin-refused-${token}`),
    serverLock: at('run', 'server.pid'),
    /** Held by a command that replaces keys of the CA. */
    rolloverLock: at('run', 'rollover.pid'),
  } as const;
}

/** The first certificate of a PEM file, DER (RFC 7468). */
export function readPem(path: string): Buffer {
  const [, base64] =
    /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(
      readFileSync(path, 'utf8'),
    ) ?? [];
  if (!base64) throw new Error(`${path} holds no PEM certificate.`);
  return Buffer.from(base64, 'base64');
}

/** PEM of a certificate, or of what the label says: 64 columns (RFC 7468 section 2). */
export function toPem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
