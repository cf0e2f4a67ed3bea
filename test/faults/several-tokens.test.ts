/**
 * Several tokens of one library: in one process, as a command opens them, and each lent by a process of its own, as the
 * server does. Real SoftHSM.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { type Signer, SignerUnavailable } from '../../ca/signer.ts';
import { loadCryptoki } from '../../hsm/cryptoki.ts';
import { openSigners } from '../../hsm/open-signers.ts';
import { openToken } from '../../hsm/open-token.ts';
import { fromSpki } from '../../hsm/public-key.ts';
import { signatureVerifies } from '../../hsm/signature-algorithm.ts';
import { connectSigner } from '../../hsm/signer-connection.ts';
import { superviseSigner } from '../../hsm/signer-supervisor.ts';
import { eventually } from '../support/eventually.ts';
import { fixtureToken } from '../support/softhsm-fixture.ts';

const fixture = fixtureToken();
const offline = fixture.addToken('offline root');
after(() => fixture.remove());

// The same label in both, as nothing keeps operators from it.
const issuing = await fixture.addKey('P-256', 'ca');
const root = await offline.addKey('P-384', 'ca');
const timeout = 20_000;

async function assertSigns(signer: Signer | undefined): Promise<void> {
  assert.ok(signer);
  const message = randomBytes(300);
  const signature = await signer.sign(message);
  assert.ok(signatureVerifies(signer.algorithm, fromSpki(signer.publicKey), message, signature));
}

test('one process opens both; closing one leaves the other as it is', async () => {
  const open = ({ config }: Pick<typeof fixture, 'config'>) =>
    openToken(loadCryptoki(config.module, config.environment), config, { access: 'read-write' });
  const first = open(fixture);
  const second = open(offline);
  const [issuer] = await openSigners(first, {}, [issuing]);
  await assertSigns((await openSigners(second, {}, [root]))[0]);
  await assertSigns(issuer);
  second.close();
  await assertSigns(issuer);
  const again = open(offline);
  first.close();
  await assertSigns((await openSigners(again, {}, [root]))[0]);
  again.close();
});

test('a token that cannot be opened leaves no trace with the one that is open', async () => {
  const cryptoki = loadCryptoki(fixture.config.module, fixture.config.environment);
  const first = openToken(cryptoki, fixture.config);
  const [issuer] = await openSigners(first, {}, [issuing]);
  const absent = () => openToken(cryptoki, { ...offline.config, token: 'in the safe' });
  const sentence = /token "in the safe" is not there; present: "(test token|offline root)", "/;
  assert.throws(absent, { kind: 'module', message: sentence });
  writeFileSync(offline.pinFile, 'wrong-pin');
  assert.throws(() => openToken(cryptoki, offline.config), { kind: 'credential' });
  await assertSigns(issuer);
  const elsewhere = { SOFTHSM2_CONF: '/elsewhere/softhsm2.conf' };
  const other = () => loadCryptoki(fixture.config.module, elsewhere);
  assert.throws(other, { kind: 'config', message: /in use with another SOFTHSM2_CONF/ });
  await assertSigns(issuer);
  first.close();
  assert.throws(() => cryptoki.tokens(), /CKR_CRYPTOKI_NOT_INITIALIZED/);
  writeFileSync(offline.pinFile, offline.pin);
});

test('a process for each: a key is lent by the one that has it, and a refused PIN stops one alone', {
  timeout,
}, async () => {
  const log = () => undefined;
  const quick = { deadline: 1000, probeInterval: 150 };
  const supervise = (of: Pick<typeof fixture, 'config' | 'pinRefused'>, key: typeof root) =>
    superviseSigner({ ...of.config, ...quick }, { keys: [key], pinRefused: of.pinRefused, log });
  const one = await supervise(fixture, issuing);
  const two = await supervise(offline, root).catch(async (error: unknown) => {
    await one.stop();
    throw error;
  });
  const client = (key: typeof root, { socketPath }: typeof one) =>
    connectSigner({ ...key, socketPath, deadline: 1000 });
  const signers = [client(issuing, one), client(root, two), client(root, one)] as const;
  try {
    assert.notEqual(one.socketPath, two.socketPath);
    await assertSigns(signers[0]);
    await assertSigns(signers[1]);
    await assert.rejects(signers[2].sign(randomBytes(9)), SignerUnavailable);
    writeFileSync(offline.pinFile, 'wrong-pin');
    process.kill(two.pid ?? 0, 'SIGKILL');
    await eventually(() => two.state.status === 'stopped');
    assert.match(JSON.stringify(two.state), /token offline root refused the PIN/);
    assert.ok(existsSync(offline.pinRefused) && !existsSync(fixture.pinRefused));
    assert.equal(one.state.status, 'up');
    await assertSigns(signers[0]);
  } finally {
    for (const signer of signers) signer.close();
    await Promise.all([one.stop(), two.stop()]);
    rmSync(offline.pinRefused, { force: true });
  }
});
