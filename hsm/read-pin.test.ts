import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertPinNotRefused, recordPinRefusal } from './pin-refused.ts';
import { readPin } from './read-pin.ts';
import { checkTokenConfig, type TokenConfig } from './token-config.ts';
import { type TokenKey, tokenKeyProblems } from './token-key.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-pin-'));
after(() => rmSync(directory, { recursive: true }));

function pinFile(content: string, mode: number): string {
  const path = join(directory, `pin-${mode.toString(8)}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

for (const mode of [0o600, 0o400]) {
  test(`a PIN file of mode 0${mode.toString(8)} is read without its line end`, () => {
    assert.equal(readPin({ file: pinFile('secret-1\n', mode) }), 'secret-1');
    rmSync(join(directory, `pin-${mode.toString(8)}`));
  });
}

for (const mode of [0o644, 0o640, 0o660, 0o606, 0o700, 0o620]) {
  test(`a PIN file of mode 0${mode.toString(8)} is refused`, () => {
    const file = pinFile('secret-2\n', mode);
    assert.throws(
      () => readPin({ file }),
      (error: Error) => /chmod 0600/.test(error.message) && !error.message.includes('secret-2'),
    );
  });
}

test('a PIN variable is read; an empty, missing or many-line PIN is refused', () => {
  assert.equal(readPin({ env: 'P' }, { P: '1234' }), '1234');
  assert.throws(() => readPin({ env: 'P' }, {}), /empty or not set/);
  assert.throws(() => readPin({ env: 'P' }, { P: '1\n2' }), /one line/);
  assert.throws(() => readPin({ file: join(directory, 'none') }), /ENOENT/);
  assert.throws(() => readPin({ file: directory }), /regular file/);
});

test('a marker refuses the PIN until its file is written anew', () => {
  const file = pinFile('secret-3\n', 0o600);
  const marker = join(directory, 'run', 'pin-refused');
  assertPinNotRefused(marker, { file });
  recordPinRefusal(marker, { file }, 'C_Login returned CKR_PIN_INCORRECT (0xa0)');
  assert.throws(() => assertPinNotRefused(marker, { file }), /write the right PIN into/);
  assert.throws(() => assertPinNotRefused(marker, { env: 'P' }), /delete/);
  const later = new Date(Date.now() + 5000);
  utimesSync(file, later, later);
  assertPinNotRefused(marker, { file });
  assert.throws(() => assertPinNotRefused(marker, { env: 'P' }), /delete/);
});

test('the configuration is checked in sentences', () => {
  const good: TokenConfig = { module: '/m.so', token: 't', pin: { env: 'P' } };
  assert.deepEqual(checkTokenConfig(good), []);
  const bad = { module: 'm', token: 'x'.repeat(33), pin: { file: '' }, sessions: 0 };
  assert.equal(checkTokenConfig(bad).length, 4);
});

test('a list of keys to lend names each key and each certificate once', () => {
  const key = (label: string, octet: number): TokenKey => ({
    label,
    certificate: `${label || 'no-label'}.pem`,
    publicKey: Uint8Array.of(octet),
    algorithm: 'ecdsa-with-SHA256',
  });
  assert.deepEqual(tokenKeyProblems([key('issuing', 1), key('cmc', 2)]), []);
  const problems = (...keys: TokenKey[]) => tokenKeyProblems(keys).join();
  assert.equal(problems(), '', 'an issuer may wait for its certificate');
  const many = Array.from({ length: 65 }, (_, i) => key(`key-${i}`, i));
  assert.match(problems(...many), /at most 64 keys/);
  assert.match(problems(key('', 1)), /no-label\.pem must have a label/);
  assert.match(problems(key('a', 1), { ...key('a', 2), certificate: 'b.pem' }), /same key a/);
  assert.match(problems(key('a', 1), key('b', 1)), /a\.pem and b\.pem are over the same public/);
});
