/** What stands where in a data directory. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CaChain, readCaChain } from '../ca/ca-chain.ts';
import { type CmcCertificate, readCmcCertificate } from '../ca/cmc-certificate.ts';
import { type OcspCertificate, readOcspCertificate } from '../ca/ocsp-certificate.ts';

export function dataPaths(directory: string) {
  const at = (...parts: string[]) => join(directory, ...parts);
  return {
    root: at('ca', 'root.pem'),
    issuing: at('ca', 'issuing.pem'),
    cmc: at('ca', 'cmc.pem'),
    ocsp: at('ca', 'ocsp.pem'),
    serverKey: at('tls', 'server-key.pem'),
    serverChain: at('tls', 'server.pem'),
    softHsm: at('hsm'),
    pin: at('secrets', 'pin'),
    securityOfficerPin: at('secrets', 'security-officer-pin'),
    pepper: at('secrets', 'one-time-password-pepper'),
    run: at('run'),
    estUrl: at('run', 'est.url'),
    statusUrl: at('run', 'status.url'),
    pinRefused: at('run', 'pin-refused'),
    serverLock: at('run', 'server.pid'),
  } as const;
}

/** @throws Error with a sentence when the chain is missing or does not hold together */
export function loadCaChain(directory: string): CaChain {
  const { root, issuing } = dataPaths(directory);
  return readCaChain({ root: readPem(root), issuing: readPem(issuing) });
}

/**
 * The certificate of the key that signs CMC answers, or undefined where that key was not made yet.
 * @throws Error with a sentence when the certificate is not fit for it
 */
export function loadCmcCertificate(directory: string, chain: CaChain): CmcCertificate | undefined {
  const { cmc } = dataPaths(directory);
  if (!existsSync(cmc)) return undefined;
  return readCmcCertificate(readPem(cmc), chain.issuing);
}

/**
 * The certificate of the key that signs OCSP answers, or undefined where that key was not made yet.
 * @throws Error with a sentence when the certificate is not fit for it
 */
export function loadOcspCertificate(
  directory: string,
  chain: CaChain,
): OcspCertificate | undefined {
  const { ocsp } = dataPaths(directory);
  if (!existsSync(ocsp)) return undefined;
  return readOcspCertificate(readPem(ocsp), chain.issuing);
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
