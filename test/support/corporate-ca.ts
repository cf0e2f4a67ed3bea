/**
 * CAs of somebody else, as an administrator makes them with OpenSSL: a root, CAs below it, and what they sign.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KeyKind, makeKey, openssl } from './est-client.ts';

export interface CorporateCa {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface Certification {
  /** Lines of an OpenSSL configuration section. */
  readonly extensions?: readonly string[];
  readonly days?: number;
  /** Further arguments of `openssl x509`, such as `-sha384`. */
  readonly args?: readonly string[];
}

export const caExtensions = {
  basicConstraints: 'basicConstraints=critical,CA:TRUE',
  keyUsage: 'keyUsage=critical,keyCertSign,cRLSign',
  subjectKeyIdentifier: 'subjectKeyIdentifier=hash',
  authorityKeyIdentifier: 'authorityKeyIdentifier=keyid',
} as const;

/** The extensions of a CA certificate with some changed, or left out where the change is undefined. */
export function extensionsWith(
  changes: Readonly<Record<string, string | undefined>> = {},
): string[] {
  return Object.values<string | undefined>({ ...caExtensions, ...changes }).filter(
    (line) => line !== undefined,
  );
}

/** Signs a request (PEM). @returns the certificate, PEM */
export function certify(request: string, by: CorporateCa, how: Certification = {}): string {
  const { extensions = extensionsWith(), days = 1000, args = [] } = how;
  return inFiles({ request, ca: by.certificate, key: by.key, extensions }, (at) =>
    openssl([
      ...['x509', '-req', '-in', at('request'), '-CA', at('ca'), '-CAkey', at('key')],
      ...['-CAcreateserial', '-days', `${days}`, '-extfile', at('extensions'), ...args],
    ]).toString(),
  );
}

export interface CaDescription extends Certification {
  readonly subject: string;
  readonly key?: KeyKind;
}

/** A CA below another one. */
export function makeCaBelow(above: CorporateCa, { subject, key: kind, ...how }: CaDescription) {
  const { key, request } = makeKey(kind);
  const pem = openssl(['req', '-inform', 'DER'], request(subject)).toString();
  return { key, certificate: certify(pem, above, { days: 2000, ...how }) };
}

/** A CA that signs itself. */
export function makeCorporateRoot({
  subject,
  key: kind,
  extensions = extensionsWith({ authorityKeyIdentifier: undefined }),
  days = 3650,
  args = [],
}: CaDescription): CorporateCa {
  const { key } = makeKey(kind);
  const configuration = ['[req]', 'distinguished_name=name', '[name]', '[ca]', ...extensions];
  const certificate = inFiles({ key, configuration }, (at) =>
    openssl([
      ...['req', '-x509', '-new', '-key', at('key'), '-subj', subject, '-days', `${days}`],
      ...['-config', at('configuration'), '-extensions', 'ca', ...args],
    ]).toString(),
  );
  return { key, certificate };
}

function inFiles<T>(
  contents: Readonly<Record<string, string | readonly string[]>>,
  work: (at: (name: string) => string) => T,
): T {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-corporate-'));
  const at = (name: string) => join(directory, name);
  try {
    for (const [name, content] of Object.entries(contents))
      writeFileSync(at(name), typeof content === 'string' ? content : `${content.join('\n')}\n`);
    return work(at);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
