/**
 * A CA of each kind of key that `bestow init` offers and cli-init.test.ts does not set up: a device enrolls, and OpenSSL
 * verifies its certificate, the CRL and the answer of the OCSP responder.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, makeKey, openssl, post, readText } from '../support/est-client.ts';
import { keyIdentifierOf } from '../support/key-identifier.ts';

const timeout = 60_000;

for (const [kind, key, algorithm] of [
  ['P-521', 'NIST CURVE: P-521', 'ecdsa-with-SHA512'],
  ['RSA-3072-PSS', 'Public Key Algorithm: rsaEncryption', 'rsassaPss'],
  ['Ed25519', 'Public Key Algorithm: ED25519', 'ED25519'],
] as const)
  test(`a CA with a key of ${kind}`, { timeout }, async () => {
    await using server = await BestowServer.start({
      init: ['--ca-key', kind],
      configure: (config) => {
        config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
      },
    });
    const password = await server.password('device');
    const request = makeKey().request('/CN=device');
    const answer = await post(`${server.est}/simpleenroll`, server.root, request, {
      user: 'device',
      password,
    });
    const pem = certificateOf(answer);
    const text = openssl(['x509', '-noout', '-text'], pem).toString();
    assert.match(text, new RegExp(`Signature Algorithm: ${algorithm}`));
    const device = join(server.data, 'device.pem');
    writeFileSync(device, pem);
    const intermediate = join(server.data, 'ca', 'issuing.pem');
    const trust = ['-CAfile', server.rootFile, '-untrusted', intermediate];
    openssl(['verify', '-x509_strict', '-purpose', 'sslclient', ...trust, device]);

    const issuing = openssl(['x509', '-noout', '-text', '-in', intermediate]).toString();
    assert.ok(issuing.includes(key));

    const url = readText(join(server.data, 'run', 'status.url')).trim();
    const crl = await fetch(`${url}/crl/${keyIdentifierOf(readText(intermediate))}.crl`);
    const crlFile = join(server.data, 'crl.der');
    writeFileSync(crlFile, Buffer.from(await crl.arrayBuffer()));
    const asked = ['crl', '-inform', 'DER', '-noout', '-text', '-in', crlFile];
    const shown = openssl([...asked, '-CAfile', intermediate]).toString();
    assert.match(shown, new RegExp(`Signature Algorithm: ${algorithm}`));
    openssl(['verify', '-crl_check', '-CRLfile', crlFile, ...trust, device]);

    const ocsp = ['ocsp', '-url', `${url}/ocsp`, '-issuer', intermediate, '-cert', device];
    const chain = ['-CAfile', server.rootFile, '-verify_other', intermediate];
    const status = await promisify(execFile)('openssl', [...ocsp, ...chain], { timeout: 20_000 });
    assert.match(status.stdout, /: good\n/);
    assert.match(status.stdout + status.stderr, /Response verify OK\n/);
  });
