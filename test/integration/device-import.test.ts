/**
 * Order lists: what is wrong is said row by row, what is right is registered once, whenever the import was cut short, and
 * passwords leave for a sealed file alone.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { withStores } from '../../cli/data.ts';
import { digestOf } from '../../cli/order-list/read-list.ts';
import type { OrderListProgress } from '../../enrollment/order-lists.ts';
import { BestowServer, bestow } from '../support/bestow.ts';
import { makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'bestow-lists-'));
const at = (name: string) => join(directory, name);
const [server, other] = await Promise.all([BestowServer.init(), BestowServer.start()]);
const globex = ['tenant', 'add', 'globex', '--endpoint', 'mqtts://globex.example:8883'];
for (const each of [server, other]) assert.equal((await each.cli(...globex)).exitCode, 0);
after(async () => {
  await Promise.all([server, other].map((each) => each[Symbol.asyncDispose]()));
  rmSync(directory, { recursive: true, force: true });
});

function list(name: string, ...rows: string[]): string {
  writeFileSync(at(name), `${rows.join('\r\n')}\r\n`);
  return at(name);
}

const importOf = (...args: string[]) => server.cli('device', 'import', ...args);

interface Imported {
  readonly list: string;
  readonly row: number;
  readonly added: number;
  readonly refused: number;
}

test('what is wrong is said with row and column, the same in a dry run, and the rest is registered', {
  timeout,
}, async () => {
  assert.equal((await server.cli('device', 'add', 'present', '--tenant', 'default')).exitCode, 0);
  const file = list(
    'mixed.csv',
    '\ufeffid,serial,tenant,group,region,site,building,names,context.line',
    'good-1,4711,globex,,eu-1,"Hall ""A"", north",B2,DNS:good-1.example IP:192.0.2.7,\'=4',
    'good-2',
    '',
    'good-2,,nobody,,,,,,',
    'good-3,,,globex,,,,,',
    'good-3,,,,,,,,',
    'present,,,,,,,,',
    'a:b,,,,no region,,,nonsense,',
    'good-4,,globex,default,,,,,',
  );
  const expected = [
    ['3', ''],
    ['5', 'tenant'],
    ['7', 'id'],
    ['8', 'id'],
    ['9', 'id'],
    ['9', 'names'],
    ['9', 'region'],
    ['10', 'group'],
  ];
  for (const args of [['--dry-run'], []]) {
    const errors = at(`errors${args.length}.csv`);
    const { exitCode, stdout, stderr } = await importOf(
      file,
      ...args,
      '--errors',
      errors,
      '--json',
    );
    assert.equal(exitCode, 1, stderr);
    const { list: digest, ...count } = JSON.parse(stdout);
    assert.match(digest, /^[0-9a-f]{64}$/);
    const dryRun = args.length > 0;
    assert.deepEqual(count, { row: 10, added: 2, refused: 6, dryRun });
    const rows: string[][] = parse(readFileSync(errors));
    assert.deepEqual(rows[0], ['row', 'column', 'reason']);
    const refused = rows.slice(1).map(([row, column]) => [row, column]);
    assert.deepEqual(refused, expected);
    const there = await server.cli('device', 'show', 'good-1', '--json');
    assert.equal(there.exitCode, dryRun ? 3 : 0, 'a dry run changes nothing');
  }
  assert.equal(readFileSync(at('errors1.csv'), 'utf8'), readFileSync(at('errors0.csv'), 'utf8'));
  const { certificates, endpoints, ...shown } = await server.json<Record<string, unknown>>(
    'device',
    'show',
    'good-1',
  );
  assert.deepEqual(
    { ...shown, endpoints },
    {
      ...shown,
      id: 'good-1',
      tenant: 'globex',
      group: 'globex',
      serialNumber: '4711',
      region: 'eu-1',
      site: 'Hall "A", north',
      building: 'B2',
      names: ['DNS:good-1.example', 'IP:192.0.2.7'],
      context: { line: '=4' },
      endpoints: ['mqtts://globex.example:8883'],
    },
  );
  assert.equal((await importOf(file, '--errors', file, '--dry-run')).exitCode, 2);
  const again = await importOf(file);
  assert.equal(again.exitCode, 5);
  assert.match(again.stderr, /was imported at .*2 device\(s\), 6 row\(s\) refused/);
});

test('what is exported can be imported, and no spreadsheet computes it', { timeout }, async () => {
  const place = ['--site', '=HYPERLINK("http://evil.example")', '--context', "note='=1"];
  const added = await server.cli('device', 'add', 'formula', '--tenant', 'globex', ...place);
  assert.equal(added.exitCode, 0, added.stderr);
  const file = at('export.csv');
  const { exitCode, stderr } = await server.cli(
    'device',
    'export',
    '--tenant',
    'globex',
    '--out',
    file,
  );
  assert.equal(exitCode, 0, stderr);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const rows: Record<string, string>[] = parse(readFileSync(file), { columns: true });
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['formula', 'good-1', 'good-3'],
  );
  for (const row of rows)
    for (const value of Object.values(row)) assert.doesNotMatch(value, /^[=+\-@]/);
  assert.equal((await other.cli('device', 'import', file)).exitCode, 0);
  for (const id of ['formula', 'good-1']) {
    const [before, now] = await Promise.all(
      [server, other].map((each) => each.json<object>('device', 'show', id)),
    );
    // One of them was registered by hand before, and both came in by a list now.
    assert.deepEqual({ ...now, ordered: true }, { ...before, ordered: true });
  }
  assert.equal((await server.cli('device', 'export', '--out', file)).exitCode, 5);
});

test('one-time passwords come sealed, once, and enroll', { timeout }, async () => {
  const file = list('sealed.csv', 'id', ...Array.from({ length: 600 }, (_, i) => `sealed-${i}`));
  writeFileSync(at('passphrase'), 'correct horse battery staple', { mode: 0o600 });
  const sealed = at('passwords.sealed');
  const make = [
    ...['device', 'import', file, '--create-passwords', '--out', sealed],
    ...['--passphrase-file', at('passphrase')],
  ];
  const made = await other.cli(...make);
  assert.equal(made.exitCode, 0, made.stderr);
  assert.equal(statSync(sealed).mode & 0o777, 0o600);
  const open = () => bestow('open', sealed, '--passphrase-file', at('passphrase'));
  const rows: Record<string, string>[] = parse((await open()).stdout, { columns: true });
  assert.equal(rows.length, 600);
  const row = rows.find(({ id }) => id === 'sealed-599');
  assert.ok(row?.password);
  assert.ok(!readFileSync(sealed, 'latin1').includes(row.password));
  const answer = await post(`${other.est}/simpleenroll`, other.root, makeKey().request('/'), {
    user: 'sealed-599',
    password: row.password,
  });
  assert.equal(answer.status, 200, answer.body);

  writeFileSync(at('passphrase'), 'another horse battery staple', { mode: 0o600 });
  assert.equal((await open()).exitCode, 4);
  rmSync(sealed);
  const again = await other.cli(...make, '--resume');
  assert.equal(again.exitCode, 5, 'what was handed out is not made worthless');
});

test('100,000 rows: killed midway, gone on with, each once, in little memory', {
  timeout,
}, async (t) => {
  const rows = 100_000;
  const lines = Array.from(
    { length: rows },
    (_, i) => `fleet-${i},${i},eu-${i % 7},Hall ${i % 100},${i % 1000 === 999 ? 'bad name' : ''}`,
  );
  const file = list('fleet.csv', 'id,serial,region,site,names', ...lines);
  const digest = await digestOf(file);
  const errors = at('fleet-errors.csv');
  const args = ['device', 'import', file, '--tenant', 'default', '--errors', errors];

  const killed = start([...args, '--json']);
  await eventually(async () => ((await progressOf(digest))?.row ?? 0) > 10_000, {
    timeout: 60_000,
  });
  killed.child.kill('SIGKILL');
  assert.equal((await killed.ended).exitCode, null);
  const between = await progressOf(digest);
  assert.ok(between && between.row > 10_000 && between.row < rows && !between.finishedAt);
  // As if the kill had come between the errors and the batch that they belong to.
  writeFileSync(errors, '99999,id,torn', { flag: 'a' });

  const refusedWithout = await server.cli(...args);
  assert.equal(refusedWithout.exitCode, 5);
  assert.match(refusedWithout.stderr, /--resume/);

  const begun = performance.now();
  const { exitCode, stdout, peak } = await start([...args, '--resume', '--json']).ended;
  assert.equal(exitCode, 1);
  const { added, refused }: Imported = JSON.parse(stdout);
  assert.deepEqual({ added, refused }, { added: rows - 100, refused: 100 });
  const reported: string[][] = parse(readFileSync(errors));
  assert.deepEqual(
    reported.slice(1).map(([row]) => Number(row)),
    Array.from({ length: 100 }, (_, i) => (i + 1) * 1000 + 1),
  );
  const seconds = (performance.now() - begun) / 1000;
  t.diagnostic(
    `rows ${between.row} to ${rows} in ${seconds.toFixed(1)} s, peak ${(peak / 2 ** 20).toFixed(0)} MiB`,
  );
  assert.ok(peak > 0 && peak < 300 * 2 ** 20, `peak ${peak}`);
  const audited = await withStores({ data: server.data }, async ({ orderLists }) => {
    const page = { after: 'fleet-99997', limit: 10 };
    return (await orderLists.devicesOf(digest, page)).map(({ device }) => device.id);
  });
  assert.deepEqual(audited, ['fleet-99998']);
});

function progressOf(digest: string): Promise<OrderListProgress | undefined> {
  return withStores({ data: server.data }, ({ orderLists }) => orderLists.find(digest));
}

/** A command whose process is known; `peak` is the most memory it had, in octets. */
function start(args: readonly string[]) {
  const program = new URL('../../bin/bestow', import.meta.url).pathname;
  const child = spawn(program, [...args, '--data', server.data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let [stdout, peak] = ['', 0];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const watch = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
  }, 50);
  const ended = new Promise<{ exitCode: number | null; stdout: string; peak: number }>((resolve) =>
    child.once('close', (exitCode) => {
      clearInterval(watch);
      resolve({ exitCode, stdout, peak });
    }),
  );
  return { child, ended };
}

function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
