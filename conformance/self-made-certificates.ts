import { randomBytes } from 'node:crypto';
import {
  commonName,
  ecKey,
  extendedKeyUsage,
  extension,
  type Key,
  signatureAlgorithm,
  signed,
} from './certificate-requests.ts';
import { booleanTrue, explicit, integer, sequence, time } from './der-writer.ts';

/** PEM. */
export interface ClientCertificate {
  readonly key: string;
  readonly cert: string;
}

const DAY = 86_400_000;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

export interface CertificateContents {
  readonly subject: Buffer;
  readonly issuer?: Buffer;
  readonly issuerKey?: Key;
  readonly daysFrom?: number;
  readonly daysTo?: number;
  readonly purposes?: readonly string[];
  readonly authority?: boolean;
}

/** An X.509 certificate nobody asked the server for; without an issuer it is signed by its own key. */
export function makeCertificate(key: Key, contents: CertificateContents): Buffer {
  const issuerKey = contents.issuerKey ?? key;
  const now = Date.now();
  const day = (days: number) => time(new Date(now + days * DAY));
  const constraints = sequence(...(contents.authority ? [booleanTrue()] : []));
  const toBeSigned = sequence(
    explicit(0, integer(2)),
    integer(Buffer.concat([Buffer.from([0x5a]), randomBytes(15)])),
    signatureAlgorithm(issuerKey),
    contents.issuer ?? contents.subject,
    sequence(day(contents.daysFrom ?? -1), day(contents.daysTo ?? 30)),
    contents.subject,
    key.publicKey,
    explicit(
      3,
      sequence(
        extension('2.5.29.19', constraints, true),
        extendedKeyUsage(...(contents.purposes ?? [CLIENT_AUTH])),
      ),
    ),
  );
  return signed(toBeSigned, issuerKey);
}

/** A client certificate from a certification authority that the server has never heard of. */
export function strangerCertificate(
  contents: Omit<CertificateContents, 'issuerKey'>,
): ClientCertificate {
  const key = ecKey();
  const issuerKey = ecKey();
  const issuer = contents.issuer ?? commonName('A CA unknown to this server');
  const authority = makeCertificate(issuerKey, { subject: issuer, authority: true });
  return clientCertificate(
    key,
    makeCertificate(key, { ...contents, issuer, issuerKey }),
    authority,
  );
}

export function clientCertificate(key: Key, ...chain: Buffer[]): ClientCertificate {
  return {
    key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: chain.map(pem).join(''),
  };
}

export function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
