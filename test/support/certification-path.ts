/**
 * Certificates before the judges of others: OpenSSL at its strictest, GnuTLS, and Bouncy Castle's PKIX validator
 * (test/clients/CertificationPath.java).
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const limits = { timeout: 60_000 };
const source = new URL('../clients/CertificationPath.java', import.meta.url).pathname;
// Where Debian's libbcpkix-java puts them.
const jars = ['bcpkix', 'bcprov', 'bcutil'].map((name) => `/usr/share/java/${name}.jar`);

/** Extended key usages. */
export const purpose = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
  cmcCA: '1.3.6.1.5.5.7.3.27',
  cmcRA: '1.3.6.1.5.5.7.3.28',
} as const;

const { serverAuth, clientAuth, OCSPSigning, cmcCA, cmcRA } = purpose;

/** What a certificate of each profile must pass for: purposes as OpenSSL names them, and extended key usages. */
export const judged: Readonly<
  Record<string, readonly [openssl: readonly string[], usages: readonly string[]]>
> = {
  device: [['sslclient'], [clientAuth]],
  'device-server': [
    ['sslclient', 'sslserver'],
    [clientAuth, serverAuth],
  ],
  gateway: [
    ['sslclient', 'sslserver'],
    [clientAuth, serverAuth],
  ],
  'registration-authority': [['sslclient'], [clientAuth, cmcRA]],
  'tls-server': [['sslserver'], [serverAuth]],
  // OpenSSL knows no purpose of CMC.
  'cmc-responder': [['any'], [cmcCA]],
  'ocsp-responder': [['ocsphelper'], [OCSPSigning]],
};

/** Files, PEM. */
export interface PathFiles {
  /** Whom the judge trusts: a root, or the issuing CA itself. */
  readonly anchor: string;
  /** The issuing CA below the root; absent where it is the anchor. */
  readonly issuing?: string;
  readonly certificate: string;
  /** One after the other: the certificate and the issuing CA below the root. */
  readonly chain: string;
  /** Of all CAs whose certificates are in question. */
  readonly crls: readonly string[];
}

/** What the program says where it fails; undefined where it does not. */
async function complaint(program: string, args: readonly string[]): Promise<string | undefined> {
  const child = run(program, args, limits);
  child.child.stdin?.end();
  try {
    await child;
    return undefined;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `${stdout ?? ''}${stderr ?? ''}` || String(error);
  }
}

/** @param use purpose as `openssl verify` names it. @returns its complaint, if it has one */
export function opensslComplaint(
  { anchor, issuing, certificate, crls }: PathFiles,
  use: string,
): Promise<string | undefined> {
  const path =
    issuing === undefined
      ? ['-partial_chain', '-crl_check']
      : ['-untrusted', issuing, '-crl_check_all'];
  const lists = crls.flatMap((file) => ['-CRLfile', file]);
  const how = ['-x509_strict', '-purpose', use, '-CAfile', anchor];
  return complaint('openssl', ['verify', ...how, ...path, ...lists, certificate]);
}

/** @param use extended key usage, if the certificate has one. @returns its complaint, if it has one */
export function gnutlsComplaint(
  { anchor, chain }: Pick<PathFiles, 'anchor' | 'chain'>,
  use: string | undefined,
): Promise<string | undefined> {
  const wanted = use === undefined ? [] : [`--verify-purpose=${use}`];
  return complaint('certtool', [
    '--verify',
    ...wanted,
    `--load-ca-certificate=${anchor}`,
    `--infile=${chain}`,
  ]);
}

/** A CRL under the CA that signed it; GnuTLS. */
export function gnutlsCrlComplaint(issuer: string, crl: string): Promise<string | undefined> {
  return complaint('certtool', [
    '--verify-crl',
    `--load-ca-certificate=${issuer}`,
    `--infile=${crl}`,
  ]);
}

/** With the CRLs of all CAs, and the extended key usages that the certificate must have. @returns "valid" for each that is */
export async function bouncyCastleVerdicts(
  paths: readonly { readonly files: PathFiles; readonly purposes: readonly string[] }[],
): Promise<string[]> {
  const args = paths.flatMap(({ files: { anchor, crls, certificate, issuing }, purposes }) => [
    ...[anchor, crls.join(',') || '-', purposes.join(',') || '-'],
    ...[certificate, ...(issuing === undefined ? [] : [issuing])],
    ';',
  ]);
  const { stdout } = await run('java', ['-cp', jars.join(':'), source, ...args], limits);
  return stdout.trim().split('\n');
}
