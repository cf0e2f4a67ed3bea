/**
 * The signer process under the faults that HSMs show in the field. Real SoftHSM, real processes.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { SignerUnavailable } from '../../ca/signer.ts';
import { fromSpki } from '../../hsm/public-key.ts';
import { signatureVerifies } from '../../hsm/signature-algorithm.ts';
import { connectSigner, type RemoteSigner } from '../../hsm/signer-connection.ts';
import {
  type SignerSupervisor,
  type SuperviseOptions,
  superviseSigner,
} from '../../hsm/signer-supervisor.ts';
import { toTaskKey } from '../../hsm/signer-task.ts';
import type { TokenConfig } from '../../hsm/token-config.ts';
import { eventually } from '../support/eventually.ts';
import type { TestFaults } from '../support/faulty-signer-process.ts';
import { fixtureToken } from '../support/softhsm-fixture.ts';

const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';
const p11KitClient = '/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so';

const fixture = fixtureToken();
const { config } = fixture;
const key = await fixture.addKey('P-256');
const faultsFile = join(fixture.directory, 'faults.json');
const environment = { ...config.environment, BESTOW_TEST_FAULTS: faultsFile };
const quick = { ...config, environment, deadline: 500, probeInterval: 150 };
/** For the processes that start from now on. */
const inject = (faults: TestFaults) => writeFileSync(faultsFile, JSON.stringify(faults));
const logged: string[] = [];

let supervisor: SignerSupervisor | undefined;
let signer: RemoteSigner | undefined;
afterEach(async () => {
  signer?.close();
  await supervisor?.stop();
  if (supervisor) assert.ok(!existsSync(dirname(supervisor.socketPath)));
  supervisor = undefined;
  signer = undefined;
  rmSync(fixture.pinRefused, { force: true });
  writeFileSync(fixture.pinFile, `${fixture.pin}\n`, { mode: 0o600 });
});
after(() => fixture.remove());

const timeout = 40_000;

async function start(
  token: TokenConfig = quick,
  options: Partial<SuperviseOptions> = {},
): Promise<RemoteSigner> {
  supervisor = await superviseSigner(token, {
    keys: [key],
    pinRefused: fixture.pinRefused,
    log: (...entry) => logged.push(JSON.stringify(entry)),
    ...options,
  });
  signer = connectSigner({ ...key, socketPath: supervisor.socketPath, deadline: 1000 });
  return signer;
}

async function signs(by: RemoteSigner): Promise<true> {
  const message = randomBytes(300);
  const signature = await by.sign(message);
  assert.ok(signatureVerifies(key.algorithm, fromSpki(key.publicKey), message, signature));
  return true;
}

/** Down is noticed as SignerUnavailable; up comes by itself, first for the client's own probes. */
async function goesDown(by: RemoteSigner): Promise<void> {
  await eventually(async () => {
    const answer = await by.sign(randomBytes(9)).catch((error: unknown) => error);
    if (answer instanceof Error) assert.ok(answer instanceof SignerUnavailable, String(answer));
    return answer instanceof SignerUnavailable;
  });
}

async function comesBack(by: RemoteSigner): Promise<void> {
  await eventually(() => by.available, { timeout: 25_000, what: 'availability' });
  await eventually(() => signs(by));
  assert.equal(supervisor?.state.status, 'up');
}

test('200 concurrent signatures of two clients verify; the socket is private', {
  timeout,
}, async () => {
  const first = await start();
  const socketPath = supervisor?.socketPath ?? '';
  assert.equal(statSync(dirname(socketPath)).mode & 0o777, 0o700);
  const second = connectSigner({ ...key, socketPath });
  const each = Array.from({ length: 200 }, (_, i) => signs(i % 2 ? first : second));
  await Promise.all(each);
  second.close();
});

test('SIGKILL of the signer process: back again, with another process', { timeout }, async () => {
  const by = await start();
  await signs(by);
  const pid = supervisor?.pid ?? 0;
  process.kill(pid, 'SIGKILL');
  await eventually(() => supervisor?.state.status === 'down');
  await comesBack(by);
  assert.notEqual(supervisor?.pid, pid);
});

test('SIGSTOP of the signer process: probed, killed, back again', { timeout }, async () => {
  const by = await start();
  const pid = supervisor?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  await goesDown(by);
  await comesBack(by);
  assert.notEqual(supervisor?.pid, pid);
});

test('token directory away and back: unavailable, then recovery', { timeout }, async () => {
  const by = await start();
  const tokens = join(fixture.directory, 'tokens');
  renameSync(tokens, `${tokens}-away`);
  await goesDown(by);
  await eventually(() => supervisor?.state.status === 'down');
  renameSync(`${tokens}-away`, tokens);
  await comesBack(by);
});

/** Answers that verify for nobody must not leave the supervisor content. */
test('bits begin to flip: the probe notices and the process is replaced', { timeout }, async () => {
  const flag = join(fixture.directory, 'flip');
  const faults: TestFaults = { loginsFile: join(fixture.directory, 'l0'), flipWhile: flag };
  inject(faults);
  const program = new URL('../support/faulty-signer-process.ts', import.meta.url);
  const by = await start(quick, { program });
  writeFileSync(flag, '');
  await eventually(() => supervisor?.state.status === 'down');
  rmSync(flag);
  await comesBack(by);
});

test('several keys: each signs for who asks for it, and each is probed', { timeout }, async () => {
  const second = await fixture.addKey('P-384', 'second');
  const flag = join(fixture.directory, 'flip-second');
  const loginsFile = join(fixture.directory, 'l1');
  const faults: TestFaults = { loginsFile, flipWhile: flag, flipLength: 96 };
  inject(faults);
  const program = new URL('../support/faulty-signer-process.ts', import.meta.url);
  const by = await start(quick, { program, keys: [key, second] });
  const socketPath = supervisor?.socketPath ?? '';
  const other = connectSigner({ ...second, socketPath, deadline: 1000 });
  const stranger = connectSigner({ ...key, publicKey: Buffer.from('none'), socketPath });
  try {
    await signs(by);
    const message = randomBytes(300);
    const signature = await other.sign(message);
    assert.ok(signatureVerifies(second.algorithm, fromSpki(second.publicKey), message, signature));
    await assert.rejects(stranger.sign(message), SignerUnavailable);
    writeFileSync(flag, '');
    await eventually(() => supervisor?.state.status === 'down');
    assert.match(JSON.stringify(supervisor?.state), /test signature of second failed/);
    rmSync(flag);
    await comesBack(by);
    await eventually(() => other.available);
    assert.equal(readFileSync(loginsFile, 'utf8').trim().split('\n').length, 2);
  } finally {
    other.close();
    stranger.close();
  }
});

interface NetworkHsm {
  readonly token: TokenConfig;
  readonly server: ChildProcess;
  serve(): Promise<void>;
}

/** p11-kit server in front of SoftHSM behaves as the daemon of a network HSM. */
async function networkHsm(): Promise<NetworkHsm> {
  const path = join(fixture.directory, 'p11.sock');
  let server: ChildProcess | undefined;
  const hsm = {
    token: {
      ...quick,
      module: p11KitClient,
      environment: { P11_KIT_SERVER_ADDRESS: `unix:path=${path}` },
    },
    get server(): ChildProcess {
      assert.ok(server);
      return server;
    },
    async serve(): Promise<void> {
      rmSync(path, { force: true });
      const args = [
        'server',
        '--foreground',
        '--name',
        path,
        '--provider',
        config.module,
        'pkcs11:',
      ];
      server = spawn('p11-kit', args, {
        env: { ...process.env, ...config.environment },
        stdio: 'ignore',
        detached: true,
      });
      await eventually(() => existsSync(path));
    },
  };
  await hsm.serve();
  return hsm;
}

/** The server forks one process per client, so the signal goes to its group. */
const signalGroup = (server: ChildProcess, signal: NodeJS.Signals) =>
  process.kill(-(server.pid ?? 0), signal);

test('hung HSM: deadline, kill, and recovery once it answers again', { timeout }, async () => {
  const hsm = await networkHsm();
  try {
    const by = await start(hsm.token, { startDeadline: 3000 });
    await signs(by);
    const pid = supervisor?.pid ?? 0;
    signalGroup(hsm.server, 'SIGSTOP');
    await goesDown(by);
    await eventually(() => supervisor?.state.status === 'down');
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    signalGroup(hsm.server, 'SIGCONT');
    await comesBack(by);
  } finally {
    signalGroup(hsm.server, 'SIGKILL');
  }
});

test('an HSM that hangs at the start: no start, in time, and nothing left', {
  timeout,
}, async () => {
  const hsm = await networkHsm();
  signalGroup(hsm.server, 'SIGSTOP');
  try {
    const starting = start(hsm.token, { startDeadline: 1500 });
    await assert.rejects(starting, { kind: 'module', message: /not ready within 1500 ms/ });
  } finally {
    signalGroup(hsm.server, 'SIGKILL');
  }
});

test('socket directory deleted: made again, but never shared', { timeout }, async () => {
  await signs(await start());
  const socketPath = supervisor?.socketPath ?? '';
  rmSync(dirname(socketPath), { recursive: true });
  const late = connectSigner({ ...key, socketPath });
  await eventually(() => supervisor?.state.status === 'down');
  await comesBack(late);
  assert.equal(statSync(dirname(socketPath)).mode & 0o777, 0o700);
  chmodSync(dirname(socketPath), 0o755);
  process.kill(supervisor?.pid ?? 0, 'SIGKILL');
  await eventually(() => JSON.stringify(supervisor?.state).includes('ours alone'));
  late.close();
});

test('restarts come at growing intervals', { timeout }, async () => {
  const by = await start();
  const tokens = join(fixture.directory, 'tokens');
  renameSync(tokens, `${tokens}-away`);
  const first = logged.length;
  await goesDown(by);
  const delays = () =>
    logged.slice(first).flatMap((entry) => /"restartInMs":(\d+)/.exec(entry)?.[1] ?? []);
  await eventually(() => delays().length >= 3);
  renameSync(`${tokens}-away`, tokens);
  assert.deepEqual(delays().slice(0, 3), ['500', '1000', '2000']);
  await comesBack(by);
});

test('HSM daemon killed and started again: recovery', { timeout }, async () => {
  const hsm = await networkHsm();
  try {
    const by = await start(hsm.token);
    await signs(by);
    signalGroup(hsm.server, 'SIGKILL');
    await goesDown(by);
    await eventually(() => supervisor?.state.status === 'down');
    await hsm.serve();
    await comesBack(by);
  } finally {
    signalGroup(hsm.server, 'SIGKILL');
  }
});

test('wrong PIN: the token is asked once, also by later starts', { timeout }, async () => {
  writeFileSync(fixture.pinFile, 'wrong-pin-0815\n');
  const output = join(fixture.directory, 'spy.log');
  const environment = { ...config.environment, PKCS11SPY: config.module, PKCS11SPY_OUTPUT: output };
  const spied = { ...quick, module: spy, environment };
  await assert.rejects(start(spied), { kind: 'credential', message: /CKR_PIN_INCORRECT/ });
  await assert.rejects(start(spied), { kind: 'credential', message: /not tried again/ });
  const logins = () => readFileSync(output, 'utf8').match(/: C_Login$/gm)?.length;
  assert.equal(logins(), 1);
  const marker = readFileSync(fixture.pinRefused, 'utf8');
  assert.match(marker, /refused the PIN.*write the right PIN/s);
  assert.ok(!marker.includes('wrong-pin-0815'));
  writeFileSync(fixture.pinFile, `${fixture.pin}\n`);
  await signs(await start(spied));
  assert.equal(logins(), 2);
  assert.ok(!existsSync(fixture.pinRefused));
});

test('locked PIN: the token is asked once, also when the PIN locks later', {
  timeout,
}, async () => {
  const loginsFile = join(fixture.directory, 'logins');
  const program = new URL('../support/faulty-signer-process.ts', import.meta.url);
  const logins = () => readFileSync(loginsFile, 'utf8').trim().split('\n').length;
  const faults: TestFaults = { loginsFile, login: 'CKR_PIN_LOCKED' };
  inject(faults);
  await assert.rejects(start(quick, { program }), { message: /CKR_PIN_LOCKED/ });
  await assert.rejects(start(quick, { program }), { message: /not tried again/ });
  assert.equal(logins(), 1);

  rmSync(fixture.pinRefused);
  inject({ loginsFile });
  await start(quick, { program });
  inject(faults);
  process.kill(supervisor?.pid ?? 0, 'SIGKILL');
  await eventually(() => supervisor?.state.status === 'stopped');
  assert.equal(logins(), 3);
  assert.ok(existsSync(fixture.pinRefused));
  assert.match(JSON.stringify(supervisor?.state), /CKR_PIN_LOCKED/);
});

test('the wrong key, no key, a readable PIN file: no start, and the reason', {
  timeout,
}, async () => {
  const other = await fixture.addKey('P-256', 'another');
  const wrong = start(quick, { keys: [{ ...key, label: other.label }] });
  await assert.rejects(wrong, { kind: 'key', message: /not the one in the certificate/ });
  const missing = start(quick, { keys: [key, { ...other, label: 'none' }] });
  const sentence = /no private key labelled none \(key none, certificate another\.pem\)/;
  await assert.rejects(missing, { kind: 'key', message: sentence });
  await assert.rejects(start({ ...quick, module: '/nowhere.so' }), { kind: 'config' });
  await assert.rejects(start({ ...quick, module: 'here.so' }), { message: /absolute path/ });
  await assert.rejects(start({ ...quick, token: 'none' }), { message: /present: "test token"/ });
  const open = join(fixture.directory, 'open-pin');
  writeFileSync(open, fixture.pin, { mode: 0o644 });
  const readable = start({ ...quick, pin: { file: open } });
  await assert.rejects(readable, { kind: 'config', message: /chmod 0600/ });
});

test('the process goes when its parent goes, and stop ends a hung one', { timeout }, async () => {
  await start();
  const pid = supervisor?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  await supervisor?.stop();
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  const parent = spawn(process.execPath, ['--input-type=module', '-e', parentProgram()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const [orphan, socketPath] = String(line).split(' ');
  process.kill(Number(orphan), 0);
  parent.kill('SIGKILL');
  await eventually(() => isGone(Number(orphan)));
  assert.ok(!existsSync(dirname(socketPath ?? '')));
});

function parentProgram(): string {
  const module = new URL('../../hsm/signer-supervisor.ts', import.meta.url);
  const taskModule = new URL('../../hsm/signer-task.ts', import.meta.url);
  return `
    import { superviseSigner } from ${JSON.stringify(module)};
    import { fromTaskKey } from ${JSON.stringify(taskModule)};
    const supervisor = await superviseSigner(${JSON.stringify(quick)}, {
      keys: [fromTaskKey(${JSON.stringify(toTaskKey(key))})],
      pinRefused: ${JSON.stringify(fixture.pinRefused)}, log() {},
    });
    process.stdout.write(supervisor.pid + ' ' + supervisor.socketPath);`;
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

test('the PIN is in no log, no argument, and nothing sent to or by the process', {
  timeout,
}, async () => {
  await signs(await start());
  const pid = supervisor?.pid ?? 0;
  const seen = [
    readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    readFileSync(`/proc/${pid}/environ`, 'utf8'),
    readFileSync('/proc/self/cmdline', 'utf8'),
    ...logged,
  ].join('\n');
  assert.ok(seen.includes('BESTOW_SIGNER') && logged.length > 10, 'there was something to look at');
  assert.ok(!seen.includes(fixture.pin));
  assert.ok(!seen.includes('wrong-pin-0815'));
});

test('the process inherits what it needs of the environment, and nothing else', {
  timeout,
}, async () => {
  process.env.BESTOW_TEST_SECRET = 'of the server';
  process.env.BESTOW_TEST_PIN = fixture.pin;
  try {
    const environmentOf = (): string[] =>
      readFileSync(`/proc/${supervisor?.pid}/environ`, 'utf8')
        .split('\0')
        .map((line) => line.slice(0, line.indexOf('=')))
        .filter((name) => name !== '' && name !== 'NODE_V8_COVERAGE')
        .sort();
    await signs(await start({ ...quick, pin: { env: 'BESTOW_TEST_PIN' } }));
    const names = environmentOf();
    const ours = ['BESTOW_SIGNER', 'BESTOW_TEST_FAULTS', 'BESTOW_TEST_PIN', 'SOFTHSM2_CONF'];
    const runtime = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'UV_THREADPOOL_SIZE'];
    const system = ['HOME', 'LANG', 'LC_ALL', 'PATH', 'TZ'].filter((name) => name in process.env);
    assert.deepEqual(names, [...ours, ...runtime, ...system].sort());
    signer?.close();
    await supervisor?.stop();
    await start();
    assert.deepEqual(
      environmentOf(),
      names.filter((name) => name !== 'BESTOW_TEST_PIN'),
    );
  } finally {
    delete process.env.BESTOW_TEST_SECRET;
    delete process.env.BESTOW_TEST_PIN;
  }
});
