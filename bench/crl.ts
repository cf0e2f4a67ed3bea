/**
 * npm run bench:crl: a CRL of a million entries (--entries N), made by a running server that nobody asks for it: how long
 * it takes and how much memory, beside SHA-256 over the same octets and OpenSSL reading them; and what devices notice that
 * enroll meanwhile, beside the same load without it, before and after.
 */

import { spawn, spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { issuingKeysOf, readCertificationAuthority } from '../ca/certification-authority.ts';
import { loadConfig } from '../server/config.ts';
import { openStores } from '../storage/stores.ts';
import { BestowServer } from '../test/support/bestow.ts';
import { insertRevoked } from '../test/support/revoked-certificates.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { enrollmentText, prepareDevices } from './prepare.ts';
import { processTree } from './processes.ts';

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000000' },
    requests: { type: 'string', default: '400' },
    connections: { type: 'string', default: '4' },
  },
});
const entries = Number(values.entries);
const requests = Number(values.requests);
const connections = Number(values.connections);

await using server = await BestowServer.start();
const config = loadConfig(server.data);
const stores = await openStores(config.storage, config.est.failures);
const [key] = issuingKeysOf(readCertificationAuthority(await stores.caState.load()));
const scope = { issuer: key?.chain.issuing.id ?? '', partition: 0 };
const newest = async () => (await stores.crls.state(scope))?.newest ?? 0;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Megabytes of the server's processes together. */
function residentMegabytes(): number {
  const pages = processTree(server.pid).map((pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    } catch {
      return 0;
    }
  });
  return (pages.reduce((sum, each) => sum + each, 0) * 4096) / 1e6;
}

/** Enrolls devices, each on a connection of its own. */
async function load(name: string): Promise<void> {
  const devices = await prepareDevices(server.data, requests);
  const order: LoadOrder = {
    port: server.port,
    root: server.root,
    connections,
    requests: devices.map(enrollmentText),
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(order));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(child, 'close');
  const result: LoadResult = JSON.parse(output);
  if (result.failures.length > 0) throw new Error(result.failures.join('; '));
  say(
    `${name.padEnd(26)} ${(result.answers / result.seconds).toFixed(0).padStart(5)} /s  median ${result.median.toFixed(1)} ms  p99 ${result.p99.toFixed(1)} ms`,
  );
}

await load('enrollments (warm-up)');
await load('enrollments, before');
const before = await newest();
const resident = residentMegabytes();
insertRevoked({ sqlite: config.storage.sqlite, issuer: scope.issuer, count: entries });
const began = performance.now();
let peak = 0;
let seconds = 0;
const made = (async () => {
  while ((await newest()) === before) {
    peak = Math.max(peak, residentMegabytes());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  seconds = (performance.now() - began) / 1000;
})();
for (let i = 1; seconds === 0 && i <= 20; i++) await load(`enrollments, meanwhile (${i})`);
await made;
await load('enrollments, after');

const crl = await stores.crls.newest(scope);
if (!crl) throw new Error('There is no CRL.');
const hashed = performance.now();
hash('sha256', crl.der);
const hashing = performance.now() - hashed;
const directory = mkdtempSync(join(tmpdir(), 'bestow-bench-crl-'));
const file = join(directory, 'large.crl');
writeFileSync(file, crl.der);
const read = performance.now();
const { stderr } = spawnSync('openssl', ['crl', '-inform', 'DER', '-noout', '-in', file]);
const reading = performance.now() - read;
if (stderr.length > 0) throw new Error(stderr.toString());
say(`a CRL of ${entries} entries, ${(crl.der.length / 1e6).toFixed(1)} MB`);
rmSync(directory, { recursive: true });
say(`published ${seconds.toFixed(1)} s after the revocations, with devices enrolling`);
say(`SHA-256 of it: ${hashing.toFixed(0)} ms; openssl crl: ${reading.toFixed(0)} ms`);
say(`server: ${resident.toFixed(0)} MB before, ${peak.toFixed(0)} MB at its peak`);
await stores.close();
