import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, test } from 'node:test';
import { fixtureToken, withFaults } from '../test/support/softhsm-fixture.ts';
import { ck } from './cryptoki.ts';
import { findPrivateKey, findPublicHalf } from './find-key.ts';
import { generateKey } from './generate-key.ts';
import { type OpenToken, openToken } from './open-token.ts';
import { labelIsTaken, replaceKey } from './replace-key.ts';

const fixture = fixtureToken();
const { cryptoki } = fixture;
const issuing = await fixture.addKey('P-256', 'issuing');
after(() => fixture.remove());

let token: OpenToken;
let label: string;
let old: Buffer;
let tests = 0;
beforeEach(async () => {
  token = openToken(cryptoki, fixture.config, { access: 'read-write' });
  tests += 1;
  label = `cmc ${tests}`;
  old = await generateKey(token, label, 'P-256');
});
afterEach(() => token.close());

const kept = [issuing.publicKey];
const make = () => generateKey(token, label, 'P-256');

/** The public key of the one private key of a label. */
function keyOf(name: string): Buffer | undefined {
  return findPublicHalf(token, token.session, findPrivateKey(token, token.session, name));
}

test('the new key stands alone under the label', async () => {
  const made = await replaceKey(token, label, kept, make);
  assert.deepEqual(keyOf(label), made);
  assert.notDeepEqual(made, old);
  assert.equal(labelIsTaken(token, `${label}-replaced`), false);
});

test('where there was no key it is made, and goes again when the rest fails', async () => {
  const made = await replaceKey(token, 'fresh', kept, () => generateKey(token, 'fresh', 'P-256'));
  assert.deepEqual(keyOf('fresh'), made);
  const failing = replaceKey(token, 'failing', kept, async () => {
    await generateKey(token, 'failing', 'P-256');
    throw new Error('no certificate');
  });
  await assert.rejects(failing, /no certificate/);
  assert.equal(labelIsTaken(token, 'failing'), false);
});

test('when making fails, the old key is back as it was', async () => {
  const failing = replaceKey(token, label, kept, async () => {
    await make();
    throw new Error('no certificate');
  });
  await assert.rejects(failing, /no certificate/);
  assert.deepEqual(keyOf(label), old);
  assert.equal(labelIsTaken(token, `${label}-replaced`), false);
});

test('what a run left that was cut short does not stand in the way', async () => {
  await generateKey(token, `${label}-replaced`, 'P-256');
  const failing = replaceKey(token, label, kept, () => Promise.reject(new Error('again')));
  await assert.rejects(failing, /again/);
  assert.deepEqual(keyOf(label), old);
  await generateKey(token, `${label}-replaced`, 'P-256');
  const made = await replaceKey(token, label, kept, make);
  assert.deepEqual(keyOf(label), made);
  assert.equal(labelIsTaken(token, `${label}-replaced`), false);
});

test('a key that is kept, or that cannot be told, stays where it is', async () => {
  const never = () => assert.fail('it was replaced');
  await assert.rejects(replaceKey(token, 'issuing', kept, never), {
    kind: 'key',
    message: /issuing is a key that signs certificates/,
  });
  assert.deepEqual(keyOf('issuing'), issuing.publicKey);

  const hiding = withFaults(cryptoki, {
    findObjects: (session, template, most) =>
      template.some(([type, value]) => type === ck.CKA_CLASS && value === ck.CKO_PUBLIC_KEY)
        ? []
        : cryptoki.findObjects(session, template, most),
  });
  const blind = openToken(hiding, fixture.config, { access: 'read-write' });
  await assert.rejects(replaceKey(blind, label, kept, never), /does not show which key/);
  assert.deepEqual(keyOf(label), old);
});
