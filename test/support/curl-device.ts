/** A device that is nothing but curl and OpenSSL, as an engineer would try it by hand. */

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BestowServer } from './bestow.ts';
import { certificateOf } from './est-client.ts';

const run = promisify(execFile);

export interface CurlAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface CurlCredentials {
  readonly user?: readonly [name: string, password: string];
  /** Path of the key, and the certificate (PEM). */
  readonly key?: string;
  readonly certificate?: string;
  /** Path of the certificate (PEM), maybe with its chain, in place of the one above. */
  readonly certificateFile?: string;
}

export interface CurlDevice extends Disposable {
  /** Path of a new P-256 key. */
  key(): string;
  /** Path of a request for it, base64 of PKCS#10. */
  request(key: string, subject: string): string;
  enroll(path: string, request: string, credentials?: CurlCredentials): Promise<CurlAnswer>;
  /** PEM. */
  certificateIn(answer: CurlAnswer): string;
}

export function curlDevice(server: BestowServer): CurlDevice {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-curl-device-'));
  let count = 0;
  const file = (name: string) => join(directory, `${++count}-${name}`);
  return {
    key() {
      const key = file('key.pem');
      execFileSync('openssl', [
        ...['genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
        ...['-out', key],
      ]);
      return key;
    },
    request(key, subject) {
      const request = file('request.b64');
      const arguments_ = ['req', '-new', '-key', key, '-subj', subject, '-outform', 'DER'];
      writeFileSync(request, execFileSync('openssl', arguments_).toString('base64'));
      return request;
    },
    async enroll(path, request, { user, key, certificate, certificateFile } = {}) {
      const [headers, body] = [file('headers'), file('body')];
      const own = certificate === undefined ? certificateFile : file('certificate.pem');
      if (own && certificate) writeFileSync(own, certificate);
      const config = user ? `user = "${user[0]}:${user[1]}"\n` : '';
      const curl = run('curl', [
        ...['--silent', '--show-error', '--config', '-', '--cacert', server.rootFile],
        ...(own && key ? ['--cert', own, '--key', key] : []),
        ...['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${request}`],
        ...['--dump-header', headers, '--output', body, '--write-out', '%{http_code}'],
        `${server.est}/${path}`,
      ]);
      curl.child.stdin?.end(config);
      const { stdout } = await curl;
      return {
        status: Number(stdout),
        headers: headersIn(headers),
        body: readFileSync(body, 'utf8'),
      };
    },
    certificateIn: ({ status, body }) =>
      certificateOf({ status, headers: {}, rawHeaders: [], body }),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function headersIn(file: string): Record<string, string> {
  const lines = readFileSync(file, 'latin1').split('\r\n').slice(1);
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [name, ...rest] = line.split(': ');
      return name ? [[name.toLowerCase(), rest.join(': ')]] : [];
    }),
  );
}
