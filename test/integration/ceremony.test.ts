/**
 * `bestow init --ceremony`: people answer, witnesses confirm the fingerprint, and the minutes prove it afterwards.
 */

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bestow } from '../support/bestow.ts';
import { openssl } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

const timeout = 60_000;
const program = new URL('../../bin/bestow', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'bestow-ceremony-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const data = join(directory, 'data');

/** The people in the room: each waits for the question before answering it. */
class Room {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown[]>;
  said = '';

  constructor(...args: string[]) {
    this.#child = spawn(program, ['init', '--ceremony', '--data', data, ...args]);
    this.#ended = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.said += text;
      });
  }

  async answer(question: RegExp, answer: string): Promise<void> {
    await eventually(() => question.test(this.said), { timeout: 30_000 });
    this.said = this.said.replace(question, '');
    this.#child.stdin.write(`${answer}\n`);
  }

  async end(): Promise<unknown> {
    this.#child.stdin.end();
    return (await this.#ended)[0];
  }
}

const question = {
  name: /Name of the certification authority: /,
  conducts: /Who conducts the ceremony \(name and role\): /,
  witnesses: /Who witnesses it \(names, separated by commas\): /,
  go: /Type the name "Acme" to make the keys now: /,
};
const confirmation = (witness: string) =>
  new RegExp(`${witness}: write the fingerprint down, and type its last eight digits[^:]*: `);

async function begin(room: Room): Promise<void> {
  await room.answer(question.name, 'Acme');
  await room.answer(question.conducts, 'Kim Rao, PKI lead');
  await room.answer(question.witnesses, 'Sam Ode, Lee Yu');
}

test('who does not repeat the name makes nothing', { timeout }, async () => {
  const room = new Room();
  await begin(room);
  await room.answer(question.go, 'yes');
  assert.equal(await room.end(), 4);
  assert.match(room.said, /The ceremony is abandoned: the name was not repeated; nothing was made/);
  assert.ok(!existsSync(data));
});

test('a witness who cannot read the fingerprint ends it, and nothing is left', {
  timeout,
}, async () => {
  const room = new Room();
  await begin(room);
  await room.answer(question.go, 'Acme');
  for (let i = 0; i < 3; i++) await room.answer(confirmation('Sam Ode'), 'DE:AD:BE:EF');
  assert.equal(await room.end(), 4);
  assert.match(room.said, /Sam Ode could not confirm the fingerprint/);
  assert.ok(!existsSync(data));
});

test('the minutes say who was there and what was made, signed by the new CA', {
  timeout,
}, async () => {
  const room = new Room();
  await begin(room);
  await room.answer(question.go, 'Acme');
  await eventually(() => /SHA-256 fingerprint: \S+\n/.test(room.said), { timeout: 30_000 });
  const [, fingerprint = ''] = /SHA-256 fingerprint: (\S+)\n/.exec(room.said) ?? [];
  const note = fingerprint.slice(-11);
  await room.answer(confirmation('Sam Ode'), note);
  await room.answer(confirmation('Lee Yu'), note.replaceAll(':', '').toLowerCase());
  assert.equal(await room.end(), 0, room.said);

  const root = join(data, 'ca', 'root.pem');
  const minutes = join(data, 'ca', 'ceremony-minutes.p7m');
  const verify = ['cms', '-verify', '-inform', 'DER', '-CAfile', root, '-purpose', 'any', '-in'];
  assert.ok(room.said.includes(`openssl cms -verify -inform DER -in ${minutes} -CAfile ${root}`));
  const text = openssl([...verify, minutes]).toString();
  for (const line of [
    /conducts the ceremony.*: Kim Rao, PKI lead/,
    /Confirmed by Sam Ode at 2/,
    /Confirmed by Lee Yu at 2/,
    /Key of the root: P-384, label root-1 in the token "default", made there, not extractable/,
    /Key of the issuer main: P-256, label main-1/,
    /Certificate: commonName=Acme Root CA, serial number [0-9a-f]+/,
    new RegExp(`SHA-256 fingerprint: ${fingerprint}`),
    /Closed 2/,
  ])
    assert.match(text, line);
  const shown = await bestow('ca', 'show', 'root', '--fingerprint', '--data', data);
  assert.equal(shown.stdout.trim(), fingerprint);

  const forged = join(directory, 'forged.p7m');
  const octets = readFileSync(minutes);
  writeFileSync(
    forged,
    Buffer.from(octets.toString('latin1').replace('Kim Rao', 'Kim Roa'), 'latin1'),
  );
  assert.throws(() => openssl([...verify, forged]));
});

test('it is for people, and for a root of our own', { timeout }, async () => {
  const other = join(directory, 'other');
  for (const option of ['--json', '--external-root']) {
    const refused = await bestow('init', '--ceremony', option, '--data', other);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /--ceremony is for people and a root of our own/);
  }
  assert.ok(!existsSync(other));
});
