/**
 * The command line as scripts use it: help, exit codes, and what --json prints.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { makeProgram, withSubcommands } from '../../cli/program.ts';
import { BestowServer, bestow, type CliResult } from '../support/bestow.ts';
import { certificateOf, makeKey, post } from '../support/est-client.ts';

const server = await BestowServer.start();
after(() => server[Symbol.asyncDispose]());

const timeout = 120_000;

/** Two at a time: each is a process of its own. */
async function inPairs<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < all.length; i += 2) await Promise.all(all.slice(i, i + 2).map(work));
}

function assertEnded(
  { exitCode, stdout, stderr }: CliResult,
  expected: number,
  what: string,
): void {
  assert.equal(exitCode, expected, `${what}: exit code ${exitCode}\n${stdout}${stderr}`);
}

test('every command has help that explains it and all that it takes', async () => {
  const all = withSubcommands(await makeProgram());
  assert.ok(all.length > 100, `only ${all.length} commands`);
  for (const command of all) {
    const help = command.createHelp();
    const usage = help.commandUsage(command);
    assert.match(usage, /^bestow/);
    assert.ok(command.description().length > 4, usage);
    const taken = [
      ...help.visibleOptions(command).map((each) => [each.flags, each.description]),
      // One whose name says it all, such as <id>, needs no more words.
      ...help.visibleArguments(command).map((each) => [each.name(), each.name()]),
    ];
    for (const [name, words = ''] of taken) assert.ok(words.length > 1, `${usage}: ${name}`);
  }
});

test('help comes on standard output', { timeout }, () =>
  inPairs(['', 'serve', 'device', 'campaign create'], async (command) => {
    const result = await bestow(...command.split(' ').filter(Boolean), '--help');
    assertEnded(result, 0, command);
    assert.ok(result.stdout.startsWith(`Usage: bestow ${command}`.trimEnd()), result.stdout);
    assert.equal(result.stderr, '');
  }),
);

test('who reads no further than he wants ends the command, and sees no error', {
  timeout,
}, async () => {
  const program = new URL('../../bin/bestow', import.meta.url).pathname;
  const { stderr } = await promisify(execFile)('sh', ['-c', '"$1" --help | true', 'sh', program]);
  assert.equal(stderr, '');
});

test('exit code 2: what was typed cannot be meant', { timeout }, () =>
  inPairs(
    [
      ['no-such-command'],
      ['otp', 'create'],
      ['otp', 'create', '--device', 'd', '--ttl', 'soon'],
      ['otp', 'create', '--device', 'a:b'],
      ['otp', 'list', '--no-such-option'],
      ['device', 'add', 'd', '--name', 'no-kind'],
      ['device', 'add', 'd', '--serial-number', 'Umlaut ä'],
      ['device', 'add', 'd', '--role', 'king'],
      ['device', 'set-names', 'd', 'DNS:a.example', 'no-kind'],
      ['pending', 'list', '--state', 'perhaps'],
      ['tenant', 'add', 'Capital'],
      ['tenant', 'add', 't', '--label', 'cacerts'],
      ['tenant', 'add', 't', '--endpoint', 'no-uri'],
      ['tenant', 'set-endpoint', 'default', 'mqtts://a.example:1', 'mqtts://a.example:1'],
      ['cert', 'show', 'xyz'],
      ['cert', 'revoke', '01', '--reason', 'boredom'],
      ['ca', 'show', 'leaf'],
      ['group', 'add', 'cacerts'],
      ['group', 'add', 'g', '--linking', 'perhaps'],
      ['group', 'set', 'default'],
      ['device', 'set', 'd'],
      ['device', 'set', 'd', '--region', 'e u'],
      ['allocation', 'set', 'default'],
      ['allocation', 'set', 'default', '--policy', 'fixed'],
      ['allocation', 'mark', 'mqtts://a.example:1', 'sideways'],
      ['allocate'],
      ['group', 'set', 'default', '--key-types', 'P-256,DSA'],
      ['group', 'set', 'default', '--challenge-password', 'one-time-password'],
      ['init', '--ca-key', 'DSA'],
    ],
    async (command) => {
      const result = await server.cli(...command);
      assertEnded(result, 2, command.join(' '));
      assert.equal(result.stdout, '');
      assert.match(result.stderr, /\w/);
    },
  ),
);

test('exit code 2: a limit that is no number', { timeout }, () =>
  inPairs(['otp', 'device', 'cert', 'pending'], async (noun) =>
    assertEnded(await server.cli(noun, 'list', '--limit', 'many'), 2, noun),
  ),
);

test('exit code 3: there is no such thing', { timeout }, () =>
  inPairs(
    [
      ['otp', 'create', '--device', 'd', '--tenant', 'nobody'],
      ['otp', 'revoke', 'otp-nothing'],
      ['device', 'add', 'd', '--group', 'nowhere'],
      ['device', 'show', 'nobody'],
      ['device', 'block', 'nobody'],
      ['device', 'unblock', 'nobody'],
      ['device', 'remove', 'nobody'],
      ['device', 'set-names', 'nobody', 'DNS:a.example'],
      ['device', 'set', 'nobody', '--region', 'eu'],
      ['device', 'quarantine', 'nobody'],
      ['allocation', 'show', 'nowhere'],
      ['allocation', 'set', 'nowhere', '--policy', 'tenant'],
      ['allocation', 'drift', '--group', 'nowhere'],
      ['allocate', '--dry-run', '--group', 'nowhere'],
      ['pending', 'show', 'req-nothing'],
      ['pending', 'approve', 'req-nothing'],
      ['pending', 'reject', 'req-nothing'],
      ['tenant', 'show', 'nobody'],
      ['tenant', 'set-endpoint', 'nobody', 'mqtts://a.example:1'],
      ['cert', 'show', '01:02'],
      ['cert', 'revoke', '0102'],
      ['group', 'set', 'nowhere', '--linking', 'off'],
      ['group', 'show', 'nowhere'],
      ['group', 'add', 'g', '--tenant', 'nobody'],
    ],
    async (command) => {
      const result = await server.cli(...command);
      assertEnded(result, 3, command.join(' '));
      assert.match(result.stderr, /^bestow: .* no .*\.\n$/);
    },
  ),
);

test('exit code 5: it is there already, or it is too late', { timeout }, async () => {
  const { spent } = await server.passwords(['spent']);
  const credentials = { user: 'spent', password: spent };
  const url = `${server.est}/simpleenroll`;
  assert.equal((await post(url, server.root, makeKey().request('/'), credentials)).status, 200);
  const [{ id } = assert.fail()] = await server.json<{ id: string }[]>('otp', 'list');
  assertEnded(await server.cli('tenant', 'add', 'elsewhere'), 0, 'another tenant');
  await inPairs(
    [
      ['otp', 'revoke', id],
      ['otp', 'create', '--device', 'spent', '--tenant', 'elsewhere'],
      ['device', 'add', 'spent'],
      ['tenant', 'add', 'default'],
      ['tenant', 'add', 'third', '--label', 'default'],
      ['group', 'add', 'default'],
      ['group', 'add', 'default', '--tenant', 'elsewhere'],
      ['init'],
      ['ca', 'cmc-key'],
    ],
    async (command) => assertEnded(await server.cli(...command), 5, command.join(' ')),
  );
});

/** Fails unless the object has these keys and no others. */
function assertKeys(value: unknown, keys: readonly string[]): void {
  assert.ok(typeof value === 'object' && value !== null);
  assert.deepEqual(Object.keys(value).sort(), [...keys].sort());
}

test('--json: groups', { timeout }, async () => {
  const group = ['label', 'tenant', 'settings'];
  assertKeys(await server.json('group', 'add', 'wing-b', '--tenant', 'default'), group);
  assertKeys(await server.json('group', 'set', 'wing-b', '--linking', 'required'), group);
  type Shown = { label: string; settings: { linking: string; keyTypes: string[] } };
  const listed = await server.json<Shown[]>('group', 'list');
  assert.equal(listed.find(({ label }) => label === 'wing-b')?.settings.linking, 'required');
  await server.json('group', 'set', 'wing-b', '--key-types', 'P-256,P-384', '--approval', 'on');
  const { settings } = await server.json<Shown>('group', 'show', 'wing-b');
  assert.deepEqual(settings.keyTypes, ['P-256', 'P-384']);
  assert.equal(settings.linking, 'required', 'what is not named stays');
  const { stdout } = await server.cli('group', 'list');
  assert.match(stdout, /wing-b .*linking=required approval=on key-types=P-256,P-384/);
});

test('--json: devices, their passwords and certificates', { timeout }, async () => {
  const device = ['id', 'tenant', 'group', 'names', 'status', 'role', 'serialNumber'];
  const names = ['--serial-number', 'SN-1', '--name', 'DNS:d1.example'];
  assertKeys(await server.json('device', 'add', 'd1', ...names), device);
  const moved = await server.json<{ names: string[] }>('device', 'set-names', 'd1');
  assertKeys(moved, device);
  assert.deepEqual(moved.names, []);
  assert.deepEqual(await server.json('pending', 'list'), []);

  const created = await server.json<Record<string, string>>('otp', 'create', '--device', 'd1');
  assertKeys(created, ['id', 'device', 'tenant', 'password', 'expiresAt']);
  const { id = '', password = '', expiresAt = '', ...rest } = created;
  assert.deepEqual(rest, { device: 'd1', tenant: 'default' });
  assert.match(password, /^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
  assert.equal(new Date(expiresAt).toISOString(), expiresAt);

  const list = () => server.json<unknown[]>('otp', 'list', '--device', 'd1');
  const unused = ['id', 'kind', 'device', 'state', 'createdAt', 'expiresAt'];
  const [first] = await list();
  assertKeys(first, unused);
  const request = makeKey().request('/CN=d1/serialNumber=SN-1');
  const credentials = { user: 'd1', password };
  const pem = certificateOf(
    await post(`${server.est}/simpleenroll`, server.root, request, credentials),
  );
  assertKeys((await list())[0], [...unused, 'spentAt']);

  const [row] = await server.json<{ serialNumber: string }[]>('cert', 'list', '--device', 'd1');
  assertKeys(row, ['serialNumber', 'device', 'profile', 'status', 'notBefore', 'notAfter']);
  const serialNumber = row?.serialNumber ?? '';
  const shown = await server.json<Record<string, unknown>>('cert', 'show', serialNumber);
  assert.equal(shown.pem, pem);
  assert.equal(shown.status, 'valid');
  assert.equal(shown.credential, `one-time-password:${id}`);
  assert.ok(!JSON.stringify(shown).includes(password));
  assertKeys(await server.json('device', 'show', 'd1'), [
    ...device,
    'endpoints',
    'lastEndpoints',
    'certificates',
  ]);
  assert.deepEqual(
    await server
      .json<Record<string, unknown>>('cert', 'revoke', serialNumber)
      .then(({ revokedAt: _, ...revoked }) => revoked),
    { serialNumber, device: 'd1', revocationReason: 'unspecified' },
  );
  assert.deepEqual(await server.json('device', 'remove', 'd1'), { id: 'd1', removed: true });
});

test('--json: tenants, the CA, the check of the configuration', { timeout }, async () => {
  const endpoint = 'mqtts://b.example:8883';
  const tenant = { id: 'acme', endpoints: [endpoint], suspended: false };
  assert.deepEqual(await server.json('tenant', 'add', 'acme', '--endpoint', endpoint), {
    ...tenant,
    labels: ['acme'],
  });
  assert.deepEqual(await server.json('tenant', 'show', 'acme'), { ...tenant, labels: ['acme'] });
  const moved = { ...tenant, endpoints: ['https://c.example/x'] };
  assert.deepEqual(
    await server.json('tenant', 'set-endpoint', 'acme', 'https://c.example/x'),
    moved,
  );
  const tenants = await server.json<{ id: string }[]>('tenant', 'list');
  assert.deepEqual(
    tenants.find(({ id }) => id === 'acme'),
    moved,
  );
  const root = await server.json<Record<string, string>>('ca', 'show');
  assert.equal(root.pem, server.root);
  const { stdout } = await server.cli('ca', 'show', '--fingerprint');
  assert.equal(stdout.trim(), root.fingerprint);
  const checks = await server.json<{ ok: boolean }[]>('check-config');
  assert.ok(checks.length >= 5 && checks.every(({ ok }) => ok));
});
