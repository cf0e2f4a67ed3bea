/**
 * Keys that a running signer process is lent and that are withdrawn from it, while others sign. Real SoftHSM, real
 * processes.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { SignerUnavailable } from '../../ca/signer.ts';
import { openToken } from '../../hsm/open-token.ts';
import { fromSpki } from '../../hsm/public-key.ts';
import { replaceKey } from '../../hsm/replace-key.ts';
import { signatureVerifies } from '../../hsm/signature-algorithm.ts';
import { connectSigner, type RemoteSigner } from '../../hsm/signer-connection.ts';
import { type SignerSupervisor, superviseSigner } from '../../hsm/signer-supervisor.ts';
import type { TokenKey } from '../../hsm/token-key.ts';
import { eventually } from '../support/eventually.ts';
import { fixtureToken } from '../support/softhsm-fixture.ts';

const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';

const fixture = fixtureToken();
const { config } = fixture;
const quick = { ...config, deadline: 2000, probeInterval: 150, sessions: 2 };
const first = await fixture.addKey('P-256', 'first');
const second = await fixture.addKey('P-384', 'second');
const third = await fixture.addKey('P-256', 'third');

let supervisor: SignerSupervisor;
const signers: RemoteSigner[] = [];
const logged: string[] = [];
afterEach(async () => {
  for (const signer of signers.splice(0)) signer.close();
  await supervisor.stop();
});
after(() => fixture.remove());

const timeout = 30_000;

async function start(keys: readonly TokenKey[], token = quick): Promise<void> {
  const log = (...entry: unknown[]) => logged.push(JSON.stringify(entry));
  supervisor = await superviseSigner(token, { keys, pinRefused: fixture.pinRefused, log });
}

function client(key: TokenKey): RemoteSigner {
  const signer = connectSigner({ ...key, socketPath: supervisor.socketPath, deadline: 2000 });
  signers.push(signer);
  return signer;
}

async function signs(by: RemoteSigner): Promise<true> {
  const message = randomBytes(300);
  const signature = await by.sign(message);
  assert.ok(signatureVerifies(by.algorithm, fromSpki(by.publicKey), message, signature));
  return true;
}

/** Signs over and over; resolves to the number of signatures, none of which may fail. */
function signing(by: RemoteSigner): { stop(): Promise<number> } {
  let working = true;
  const work = async (): Promise<number> => {
    let count = 0;
    for (; working; count += 1) await signs(by);
    return count;
  };
  const works = [work(), work()];
  // Looked at by `stop`.
  for (const each of works) each.catch(() => undefined);
  return {
    async stop() {
      working = false;
      return (await Promise.all(works)).reduce((sum, count) => sum + count);
    },
  };
}

test('keys come and go under load, and no signature of those that stay fails', {
  timeout,
}, async () => {
  await start([first]);
  const { pid } = supervisor;
  const load = signing(client(first));
  await supervisor.lend([first, second]);
  await signs(client(second));
  for (let i = 0; i < 5; i += 1) {
    await supervisor.lend([first, second, third]);
    await signs(client(third));
    await supervisor.lend([first, second]);
  }
  await signs(client(second));
  assert.ok((await load.stop()) > 50);
  assert.equal(supervisor.pid, pid, 'it is the same process');
  assert.ok(!logged.some((entry) => entry.includes('signer is down')));
});

test('a key that does not fit is refused by name; nothing of the list is taken', {
  timeout,
}, async () => {
  await start([first]);
  const load = signing(client(first));
  const wrong = { ...third, label: second.label, certificate: 'wrong.pem' };
  const sentence = /not the one in the certificate \(key second, certificate wrong\.pem\)/;
  await assert.rejects(supervisor.lend([wrong]), { kind: 'key', message: sentence });
  const missing = { ...third, label: 'none' };
  const missed = supervisor.lend([first, second, missing]);
  await assert.rejects(missed, { kind: 'key', message: /labelled none \(key none/ });
  const twice = supervisor.lend([first, { ...first, certificate: 'again.pem' }]);
  await assert.rejects(twice, { kind: 'config', message: /same key first/ });
  await assert.rejects(client(second).sign(randomBytes(9)), SignerUnavailable);
  process.kill(supervisor.pid ?? 0, 0);
  assert.ok((await load.stop()) > 0);
});

test('what was lent is probed, and lent again by the process that follows a killed one', {
  timeout,
}, async () => {
  await start([first, third]);
  await supervisor.lend([first, second]);
  const [one, two] = [client(first), client(second)];
  await signs(two);
  const { pid } = supervisor;
  process.kill(pid ?? 0, 'SIGKILL');
  await eventually(() => supervisor.state.status === 'down');
  const down = supervisor.lend([first, second, third]);
  await assert.rejects(down, { name: 'SignerUnavailable', message: /signer is down/ });
  await eventually(() => supervisor.state.status === 'up');
  assert.notEqual(supervisor.pid, pid);
  for (const by of [one, two]) {
    await eventually(() => by.available);
    await signs(by);
  }
  await assert.rejects(client(third).sign(randomBytes(9)), SignerUnavailable);
});

test('killed while it takes over keys: refused, and as before after the restart', {
  timeout,
}, async () => {
  await start([first]);
  const by = client(first);
  const { pid = 0 } = supervisor;
  process.kill(pid, 'SIGSTOP');
  const lending = supervisor.lend([second]);
  await assert.rejects(lending, { name: 'SignerUnavailable', message: /signer is down/ });
  await eventually(() => supervisor.state.status === 'up');
  await eventually(() => by.available);
  await signs(by);
  await assert.rejects(client(second).sign(randomBytes(9)), SignerUnavailable);
});

test('from no key at all to one, and to another key under the same label', {
  timeout,
}, async () => {
  await start([]);
  const early = client(first);
  await assert.rejects(early.sign(randomBytes(9)), SignerUnavailable);
  await supervisor.lend([first]);
  await eventually(() => early.available);
  await signs(early);

  const old = await fixture.addKey('P-256', 'renewed');
  await supervisor.lend([first, old]);
  const before = client(old);
  await signs(before);
  await supervisor.lend([first]);
  const token = openToken(fixture.cryptoki, config, { access: 'read-write' });
  await replaceKey(token, 'renewed', [], async () => undefined).finally(() => token.close());
  const renewed = await fixture.addKey('P-256', 'renewed');
  await supervisor.lend([first, renewed]);
  await signs(client(renewed));
  await eventually(() => !before.available);
  await assert.rejects(before.sign(randomBytes(9)), SignerUnavailable);
  await signs(early);
});

test('a withdrawn key answers what is pending, and its sessions are closed', {
  timeout,
}, async () => {
  const output = join(fixture.directory, 'spy.log');
  const environment = { ...config.environment, PKCS11SPY: config.module, PKCS11SPY_OUTPUT: output };
  await start([first, second], { ...quick, module: spy, environment, probeInterval: 60_000 });
  const by = client(second);
  await signs(by);
  const pending = Array.from({ length: 20 }, () => signs(by));
  // Frames that are on their way before the list is.
  await new Promise((resolve) => setImmediate(resolve));
  await supervisor.lend([first]);
  const answers = await Promise.allSettled(pending);
  assert.ok(answers.every(({ status }) => status === 'fulfilled'));
  const count = (call: string) => readFileSync(output, 'utf8').split(`: ${call}\n`).length - 1;
  await eventually(() => count('C_CloseSession') === quick.sessions);
  await signs(client(first));
  await supervisor.lend([first, second]);
  await eventually(() => by.available);
  await signs(by);
  const missing = { ...third, publicKey: second.publicKey };
  await assert.rejects(supervisor.lend([first, missing]), { kind: 'key' });
  // The one before it in the list is open by then.
  const absent = { ...third, label: 'none', publicKey: Buffer.from('none') };
  await assert.rejects(supervisor.lend([first, second, third, absent]), { kind: 'key' });
  assert.equal(count('C_OpenSession') - count('C_CloseSession'), 1 + 2 * quick.sessions);
  rmSync(output);
  assert.ok(!existsSync(fixture.pinRefused));
  writeFileSync(output, '');
});
