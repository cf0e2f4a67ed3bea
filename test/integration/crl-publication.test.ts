/**
 * CRLs that a server with two workers publishes by itself: partitioned, as files, beside commands that make some too.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { toPem } from '../../server/data-directory.ts';
import { BestowServer } from '../support/bestow.ts';
import {
  certificateOf,
  makeKey,
  openssl,
  post,
  readText,
  withFile,
} from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 60_000;
const partitions = 3;
const devices = ['one', 'two', 'three', 'four', 'five', 'six'];
const server = await BestowServer.start({
  configure: (config) => {
    Object.assign(config.est ?? {}, { workers: 2 });
    Object.assign(config, {
      status: { listen: '127.0.0.1:0', url: 'http://pki.example' },
      crl: { partitions, directory: 'published' },
    });
  },
});
after(() => server[Symbol.asyncDispose]());
const listener = readText(join(server.data, 'run', 'status.url')).trim();
const issuing = readText(join(server.data, 'ca', 'issuing.pem'));
const certificates: string[] = [];

before(async () => {
  const passwords = await server.passwords(devices);
  for (const [user, password] of Object.entries(passwords)) {
    const request = makeKey().request(`/CN=${user}`);
    certificates.push(
      certificateOf(
        await post(`${server.est}/simpleenroll`, server.root, request, { user, password }),
      ),
    );
  }
});

/** The path that a certificate names its CRL by. */
function pathIn(certificate: string): string {
  const text = openssl(['x509', '-noout', '-text'], certificate).toString();
  return /URI:http:\/\/pki\.example(\/crl\/[0-9a-f]+\/[1-3]\.crl)/.exec(text)?.[1] ?? assert.fail();
}

const fileOf = (path: string) => join(server.data, 'published', path.slice('/crl/'.length));
const serialOf = (certificate: string) =>
  new X509Certificate(certificate).serialNumber.toLowerCase();
const textOf = (crl: Uint8Array) =>
  openssl(['crl', '-inform', 'DER', '-noout', '-text'], crl).toString();

async function revoke(certificate: string): Promise<void> {
  const { exitCode, stderr } = await server.cli('cert', 'revoke', serialOf(certificate));
  assert.equal(exitCode, 0, stderr);
}

function verify(certificate: string, crl: Uint8Array): void {
  withFile(`${server.root}${issuing}${toPem(crl, 'X509 CRL')}`, (file) =>
    openssl(['verify', '-x509_strict', '-crl_check', '-CAfile', file], certificate),
  );
}

test('a revocation is in the file of its partition and of the whole CRL, without anybody asking', {
  timeout,
}, async () => {
  const [revoked = '', good = ''] = certificates;
  const file = fileOf(pathIn(revoked));
  const whole = file.replace(/\/\d\.crl$/, '.crl');
  await eventually(() => existsSync(file) && existsSync(whole), { timeout: 30_000 });
  verify(revoked, readFileSync(file));
  await revoke(revoked);
  const serial = serialOf(revoked).toUpperCase();
  for (const path of [file, whole])
    await eventually(() => textOf(readFileSync(path)).includes(serial), { timeout: 30_000 });
  assert.throws(() => verify(revoked, readFileSync(file)), /certificate revoked/);
  verify(good, readFileSync(fileOf(pathIn(good))));
  const [, lastUpdate = ''] = /Last Update: (.+)/.exec(textOf(readFileSync(file))) ?? [];
  assert.deepEqual(statSync(file).mtime, new Date(lastUpdate));
});

test('the file and the listener have the same octets', { timeout }, async () => {
  const path = pathIn(certificates[0] ?? '');
  const answer = await fetch(`${listener}${path}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'application/pkix-crl');
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), readFileSync(fileOf(path)));
  const etag = answer.headers.get('etag') ?? '';
  // fetch would add no-cache.
  const headers = { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' };
  const again = await fetch(`${listener}${path}`, { headers });
  assert.equal(again.status, 304);
  assert.equal((await fetch(`${listener}${path.replace(/\d\.crl$/, '9.crl')}`)).status, 404);
});

test('commands and workers that make CRLs at the same time use each number once, in order', {
  timeout,
}, async () => {
  for (const certificate of certificates.slice(1, 4)) {
    await revoke(certificate);
    const made = await Promise.all([
      server.json<{ number: number }>('ca', 'crl'),
      server.json<{ number: number }>('ca', 'crl'),
      fetch(`${listener}${pathIn(certificate)}`),
    ]);
    const { pem } = await server.json<{ pem: string }>('ca', 'crl');
    const text = openssl(['crl', '-noout', '-text'], pem).toString();
    assert.ok(text.includes(serialOf(certificate).toUpperCase()));
    assert.equal(made[2].status, 200);
  }
  const database = new DatabaseSync(join(server.data, 'bestow.db'), { readOnly: true });
  const issued = database
    .prepare(`select at, object, details from audit_log where action = 'crl.issued' order by id`)
    .all()
    .map(({ at, object, details }) => {
      const { partition = 0 } = JSON.parse(String(details));
      return { at: String(at), number: Number(object), partition: Number(partition) };
    });
  database.close();
  for (const partition of [0, 1, 2, 3]) {
    const own = issued.filter((each) => each.partition === partition);
    assert.deepEqual(
      own.map(({ number }) => number),
      own.map((_, i) => i + 1),
    );
    assert.deepEqual(
      own.map(({ at }) => at),
      own.map(({ at }) => at).sort(),
    );
  }
});

test('the command lists the partitions, and prints each', { timeout }, async () => {
  const listed = await server.json<{ partition: number | 'whole' }[]>('ca', 'crl', '--list');
  assert.deepEqual(
    listed.map(({ partition }) => partition),
    ['whole', 1, 2, 3],
  );
  const { pem } = await server.json<{ pem: string }>('ca', 'crl', '--partition', '2');
  const text = openssl(['crl', '-noout', '-text'], pem).toString();
  assert.match(text, /Issuing Distribution Point: critical\n.+\n +URI:.+\/2\.crl/);
  assert.equal((await server.cli('ca', 'crl', '--partition', '4')).exitCode, 3);
  assert.equal((await server.cli('ca', 'crl', '--partition', '0')).exitCode, 2);
});
