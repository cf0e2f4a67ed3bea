/**
 * nginx asks for status: of its own certificate, which it staples (RFC 6066 section 8), and of devices' certificates. It asks
 * by GET. What nginx knows it keeps, so each test that expects another answer starts it anew.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, makeKey, openssl, post, readText } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const timeout = 60_000;
const server = await BestowServer.start({
  configure: (config) => {
    config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
    config.ocsp = { validity: '1m' };
  },
});
const directory = mkdtempSync(join(tmpdir(), 'bestow-stapling-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const at = (name: string) => join(directory, name);
/** By its address, since nginx resolves no names without a resolver. */
const responder = `${readText(join(server.data, 'run', 'status.url')).trim()}/ocsp`.replace(
  'localhost',
  '127.0.0.1',
);
const issuing = join(server.data, 'ca', 'issuing.pem');
/** The certificate for TLS servers that every data directory has. */
const chain = join(server.data, 'tls', 'server.pem');

before(async () => {
  writeFileSync(at('trusted.pem'), `${readText(issuing)}${server.root}`);
  const passwords = await server.passwords(['device']);
  const key = makeKey();
  const credentials = { user: 'device', password: passwords.device };
  const url = `${server.est}/simpleenroll`;
  const answer = await post(url, server.root, key.request('/'), credentials);
  writeFileSync(at('device.pem'), certificateOf(answer));
  writeFileSync(at('device.key'), key.key, { mode: 0o600 });
});

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('There is no port.');
  return address.port;
}

/** An nginx of one process, with nothing outside of the test's directory. */
class Nginx {
  readonly port: number;
  readonly #process: ChildProcess;
  #log = '';

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#process = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  /** @param settings further ones of the server */
  static async start(...settings: readonly string[]): Promise<Nginx> {
    const port = await freePort();
    const prefix = at(`nginx-${port}`);
    mkdirSync(prefix);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const lines = [
      'daemon off; master_process off; pid nginx.pid; error_log stderr info; events {}',
      'http {',
      'access_log off;',
      ...temporary.map((name) => `${name}_temp_path ${name};`),
      'server {',
      `listen 127.0.0.1:${port} ssl; server_name localhost;`,
      `ssl_certificate ${chain}; ssl_certificate_key ${join(server.data, 'tls', 'server-key.pem')};`,
      `ssl_trusted_certificate ${at('trusted.pem')};`,
      ...settings,
      'location / { return 204; }',
      '} }',
    ];
    writeFileSync(join(prefix, 'nginx.conf'), lines.join('\n'));
    const args = ['-p', prefix, '-c', 'nginx.conf', '-e', 'stderr'];
    const child = spawn('nginx', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const nginx = new Nginx(port, child);
    const listens = () => {
      if (child.exitCode !== null) throw new Error(`nginx ended: ${nginx.#log}`);
      return run('curl', ['-ks', '-o', '/dev/null', '--max-time', '5', nginx.url]);
    };
    await eventually(listens);
    return nginx;
  }

  get url(): string {
    return `https://localhost:${this.port}/`;
  }

  get log(): string {
    return this.#log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
  }
}

async function revoke(file: string, reason: string): Promise<void> {
  const serial = openssl(['x509', '-noout', '-serial', '-in', file]).toString().trim().slice(7);
  const { exitCode, stderr } = await server.cli('cert', 'revoke', serial, '--reason', reason);
  assert.equal(exitCode, 0, stderr);
}

describe('stapling', { timeout }, () => {
  const stapling = [
    `ssl_stapling on; ssl_stapling_verify on; ssl_stapling_responder ${responder};`,
  ];

  /** What `openssl s_client -status` is told in the handshake; it trusts the root alone. */
  async function stapled({ port }: Nginx): Promise<string> {
    const args = ['s_client', '-connect', `localhost:${port}`, '-servername', 'localhost'];
    const trust = ['-CAfile', server.rootFile, '-verify_return_error'];
    const pending = run('openssl', [...args, ...trust, '-status'], { timeout: 20_000 });
    pending.child.stdin?.end();
    return (await pending).stdout;
  }

  test('a good answer, fetched by GET', async () => {
    await using nginx = await Nginx.start(...stapling);
    const text = await eventually(async () => {
      const told = await stapled(nginx);
      return told.includes('OCSP Response Status: successful') && told;
    });
    assert.match(text, /Cert Status: good/);
    assert.match(text, /Next Update: /);
    assert.doesNotMatch(nginx.log, /\[(error|crit|emerg)\]/);
    const [asked] = server.logLines({ msg: 'request', ocsp: 'successful' });
    assert.equal(asked?.method, 'GET');
  });

  test('none any more once it is revoked: nginx is told so, and says that it is', async () => {
    await revoke(chain, 'keyCompromise');
    await using nginx = await Nginx.start(...stapling);
    await eventually(async () => {
      assert.match(await stapled(nginx), /OCSP response: no response sent/);
      return nginx.log.includes('certificate status "revoked" in the OCSP response');
    });
  });
});

describe('certificates of devices', { timeout }, () => {
  const settings = [
    'ssl_verify_client on; ssl_verify_depth 2;',
    `ssl_client_certificate ${at('trusted.pem')};`,
    `ssl_ocsp leaf; ssl_ocsp_responder ${responder};`,
  ];

  async function statusFor({ url }: Nginx): Promise<string> {
    const shown = ['--cert', at('device.pem'), '--key', at('device.key')];
    const trust = ['--cacert', server.rootFile];
    const quiet = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '20'];
    return (await run('curl', [...quiet, ...trust, ...shown, url])).stdout;
  }

  test('good, and refused at the next connection once it is revoked', async () => {
    await using nginx = await Nginx.start(...settings);
    assert.equal(await statusFor(nginx), '204');
    await revoke(at('device.pem'), 'cessationOfOperation');
    assert.equal(await statusFor(nginx), '400');
    await eventually(() => nginx.log.includes('verify error: certificate revoked'));
  });
});

test('the ways in which clients write a request into the address', { timeout }, async () => {
  openssl([
    ...['ocsp', '-no_nonce', '-issuer', issuing, '-cert', at('device.pem')],
    ...['-reqout', at('request.der')],
  ]);
  const base64 = openssl(['base64', '-A', '-in', at('request.der')]).toString();
  const escaped = encodeURIComponent(base64);
  const forms = {
    'all escaped, as nginx': `/${escaped}`,
    'in lower case': `/${escaped.replaceAll(/%../g, (octet) => octet.toLowerCase())}`,
    'not escaped at all': `/${base64}`,
    'after a second slash': `//${escaped}`,
  };
  const answers = Object.entries(forms).map(async ([form, path]) => {
    const file = at(`${form}.der`);
    const quiet = ['-sf', '--path-as-is', '--max-time', '20', '-o', file];
    await run('curl', [...quiet, `${responder}${path}`]);
    const question = ['-no_nonce', '-issuer', issuing, '-cert', at('device.pem')];
    const trust = ['-CAfile', server.rootFile, '-verify_other', issuing];
    const { stdout, stderr } = await run('openssl', [
      ...['ocsp', '-respin', file],
      ...question,
      ...trust,
    ]);
    assert.match(stderr, /Response verify OK/, form);
    assert.match(stdout, /device\.pem: revoked/, form);
  });
  await Promise.all(answers);
});
