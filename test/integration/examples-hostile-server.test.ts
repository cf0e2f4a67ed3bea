/**
 * The clients of examples/ against a server that means them no good: what they have stays as it was.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { openssl } from '../support/est-client.ts';
import { ExampleDevice, exampleKinds } from '../support/example-client.ts';
import { FactoryCa } from '../support/factory-ca.ts';

const timeout = 60_000;
const maker = new FactoryCa();
const stranger = new FactoryCa('Stranger');
const { chainFile, keyFile } = maker.device('server', {
  extensions: ['subjectAltName=DNS:localhost'],
});

interface Said {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without it, an answer that does not end. */
  readonly body?: string;
}

/** What it answers to an enrollment, by the request (DER). */
let enrolled: (request: Buffer) => Said = () => ({ status: 403, body: '' });
let authorities: Said = {};
const server = createServer({ cert: readFileSync(chainFile), key: readFileSync(keyFile) });
server.on('request', (incoming, outgoing) => {
  let body = '';
  incoming.setEncoding('latin1').on('data', (part: string) => {
    body += part;
  });
  incoming.on('end', () => {
    const isEnrollment = /enroll$/.test(incoming.url ?? '');
    const said = isEnrollment ? enrolled(Buffer.from(body, 'base64')) : authorities;
    outgoing.writeHead(said.status ?? 200, said.headers);
    if (said.body !== undefined) return void outgoing.end(said.body);
    const go = () => {
      while (!outgoing.destroyed && outgoing.write('A'.repeat(65_536)));
    };
    outgoing.on('drain', go);
    go();
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `https://localhost:${(server.address() as AddressInfo).port}/.well-known/est`;
const good = { body: certsOnly(maker.anchorFile, maker.intermediateFile) };
after(() => {
  server.close();
  server.closeAllConnections();
  maker[Symbol.dispose]();
  stranger[Symbol.dispose]();
});
afterEach(() => {
  authorities = good;
});

function certsOnly(...files: string[]): string {
  const each = files.flatMap((file) => ['-certfile', file]);
  return openssl(['crl2pkcs7', '-nocrl', '-outform', 'DER', ...each]).toString('base64');
}

/** A certificate for the key of the request, by a CA that nobody trusts. */
function certifyAsStranger(request: Buffer): Said {
  const at = (file: string) => join(stranger.directory, file);
  const ca = ['-CA', at('root.pem'), '-CAkey', at('root.key')];
  const files = ['-inform', 'DER', '-out', at('forged.pem'), '-set_serial', '7'];
  openssl(['x509', '-req', '-days', '9', ...ca, ...files], request);
  return { body: certsOnly(at('forged.pem')) };
}

for (const kind of exampleKinds)
  describe(`the ${kind} client`, { timeout }, () => {
    test('does not read an answer without end', async () => {
      using device = new ExampleDevice(kind);
      authorities = {};
      const { exitCode, stderr } = await device.run(['trust', url, '00'.repeat(32)]);
      assert.equal(exitCode, 1, stderr);
      assert.match(stderr, /cannot be asked.*(curl ends with (23|153)|too long)/);
      assert.deepEqual(device.files.names, []);
    });

    test('keeps the certificate that it has where the new one is not for its key, or nobody vouches for it', async () => {
      using device = new ExampleDevice(kind);
      authorities = good;
      await device.must(['trust', url, maker.anchorFile]);
      const own = maker.device('own');
      const held = readFileSync(own.chainFile, 'utf8') + readFileSync(own.keyFile, 'utf8');
      writeFileSync(device.at('device.pem'), held, { mode: 0o600 });

      enrolled = () => ({ body: certsOnly(own.certificateFile) });
      const other = await device.run(['renew', '-f']);
      assert.equal(other.exitCode, 1);
      assert.match(other.stderr, /holds no certificate for the key of this device/);
      enrolled = certifyAsStranger;
      const unknown = await device.run(['renew', '-f']);
      assert.equal(unknown.exitCode, 1);
      assert.match(unknown.stderr, /the new certificate is not one to use/i);
      enrolled = () => ({ body: 'bm8gY2VydGlmaWNhdGVz' });
      assert.equal((await device.run(['renew', '-f'])).exitCode, 1);
      assert.equal(device.read('device.pem'), held);
    });

    test('shows the sentence of a refusal, and nothing that steers a terminal', async () => {
      using device = new ExampleDevice(kind);
      authorities = good;
      await device.must(['trust', url, maker.anchorFile]);
      const body = `Not\u001b[2J you.\n${'x'.repeat(5000)}`;
      enrolled = () => ({ status: 403, headers: { 'X-Request-Id': 'r-1;\u009b' }, body });
      const { exitCode, stderr } = await device.run(['enroll']);
      assert.equal(exitCode, 1);
      assert.match(stderr, /403: Not.*\[2J you\. x+ \(request r-1\)\n$/);
      assert.match(stderr, /^[\n -~]{1,700}$/);
    });

    test('does not wait longer than it was told to, whatever the server says', async () => {
      using device = new ExampleDevice(kind);
      authorities = good;
      await device.must(['trust', url, maker.anchorFile]);
      for (const retryAfter of ['999999', 'soon', '-1', '1e3', '99999999999999999999']) {
        enrolled = () => ({ status: 202, headers: { 'Retry-After': retryAfter }, body: 'Later.' });
        const { exitCode, stderr } = await device.run(['enroll', '-w', '1']);
        assert.equal(exitCode, 75, stderr);
      }
    });
  });
