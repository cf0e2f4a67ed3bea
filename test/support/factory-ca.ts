/**
 * A manufacturer with a CA of two levels, made with OpenSSL as manufacturers make theirs.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openssl } from './est-client.ts';

export interface FactoryDevice {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The certificate and the intermediate: what a TLS client sends. */
  readonly chainFile: string;
}

export interface FactoryDeviceOptions {
  /** Subject, as OpenSSL writes it. */
  readonly subject?: string;
  /** Lines of extensions besides keyUsage and authorityKeyIdentifier. */
  readonly extensions?: readonly string[];
  /** YYYYMMDDHHMMSSZ; without an end, when left out (IEEE 802.1AR, RFC 5280 section 4.1.2.5). */
  readonly notAfter?: string;
  /** Signed by the intermediate that has expired. */
  readonly byExpired?: true;
}

const config = `
[ca]
default_ca = factory
[factory]
database = DIR/index.txt
serial = DIR/serial
new_certs_dir = DIR
default_md = sha256
unique_subject = no
policy = any
[any]
organizationName = optional
commonName = optional
serialNumber = optional
[intermediate]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[req]
distinguished_name = dn
[dn]
`;

export class FactoryCa implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'bestow-factory-'));
  readonly #name: string;
  #made = 0;

  constructor(name = 'Maker') {
    this.#name = name;
    this.#write('ca.cnf', config.replaceAll('DIR', this.directory));
    this.#write('index.txt', '');
    this.#write('serial', '1000\n');
    this.#openssl(
      ...['req', '-x509', '-days', '7300', '-subj', `/O=${name}/CN=Root`, ...this.#newKey('root')],
      ...['-addext', 'basicConstraints=critical,CA:TRUE'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', this.#path('root.pem')],
    );
    this.#certifyIntermediate('intermediate', '20990101000000Z');
    this.#certifyIntermediate('expired', '20200102000000Z');
  }

  get anchorFile(): string {
    return this.#path('root.pem');
  }

  get intermediateFile(): string {
    return this.#path('intermediate.pem');
  }

  /** A device with a key of its own. */
  device(serial: string, options: FactoryDeviceOptions = {}): FactoryDevice {
    const { subject = `/O=${this.#name}/CN=Pump/serialNumber=${serial}`, extensions = [] } =
      options;
    const name = `device-${++this.#made}`;
    const issuer = options.byExpired ? 'expired' : 'intermediate';
    this.#request(name, subject);
    this.#write(
      `${name}.ext`,
      ['keyUsage=critical,digitalSignature', 'authorityKeyIdentifier=keyid', ...extensions].join(
        '\n',
      ),
    );
    this.#sign(name, issuer, options.notAfter ?? '99991231235959Z', [
      '-extfile',
      this.#path(`${name}.ext`),
    ]);
    const read = (file: string) => readFileSync(this.#path(file), 'utf8');
    this.#write(`${name}-chain.pem`, read(`${name}.pem`) + read(`${issuer}.pem`));
    return {
      certificateFile: this.#path(`${name}.pem`),
      keyFile: this.#path(`${name}.key`),
      chainFile: this.#path(`${name}-chain.pem`),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #certifyIntermediate(name: string, notAfter: string): void {
    this.#request(name, `/O=${this.#name}/CN=Devices ${name}`);
    this.#sign(name, 'root', notAfter, ['-extensions', 'intermediate']);
  }

  #request(name: string, subject: string): void {
    const out = ['-out', this.#path(`${name}.csr`)];
    this.#openssl(
      ...['req', '-new', '-config', this.#path('ca.cnf'), '-subj', subject],
      ...[...this.#newKey(name), ...out],
    );
  }

  #sign(name: string, issuer: string, notAfter: string, extensions: readonly string[]): void {
    this.#openssl(
      ...['ca', '-batch', '-notext', '-config', this.#path('ca.cnf'), '-preserveDN'],
      ...['-cert', this.#path(`${issuer}.pem`), '-keyfile', this.#path(`${issuer}.key`)],
      ...['-startdate', '20200101000000Z', '-enddate', notAfter, ...extensions],
      ...['-in', this.#path(`${name}.csr`), '-out', this.#path(`${name}.pem`)],
    );
  }

  #newKey(name: string): string[] {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    return [...key, '-keyout', this.#path(`${name}.key`)];
  }

  #openssl(...args: string[]): void {
    openssl(args);
  }

  #path(file: string): string {
    return join(this.directory, file);
  }

  #write(file: string, text: string): void {
    writeFileSync(this.#path(file), text, { mode: 0o600 });
  }
}
