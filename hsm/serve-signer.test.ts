import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { SignerUnavailable } from '../ca/signer.ts';
import { eventually } from '../test/support/eventually.ts';
import { encodeFrame, type Frame, FrameReader, frameKind } from './frame.ts';
import { decodeGeneratedKey, type GeneratedKey } from './generated-key.ts';
import {
  type DigestSigner,
  helloBody,
  keyDigest,
  type SignerServer,
  serveSigner,
} from './serve-signer.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-serve-'));
after(() => rmSync(directory, { recursive: true }));
const socketPath = join(directory, 'signer.sock');

const timeout = 5000;
const keys = ['issuing', 'cmc'].map((name) => Buffer.from(name));

let server: SignerServer;
let answer: DigestSigner['signDigest'];
let generate: (kind: string) => Promise<GeneratedKey>;
let signed: string[];
beforeEach(async () => {
  signed = [];
  answer = async (digest) => digest;
  generate = () => Promise.reject(new RangeError('no key is made here'));
  const signers = keys.map((publicKey): DigestSigner => {
    const signDigest: DigestSigner['signDigest'] = (digest, urgent) => {
      signed.push(`${publicKey} ${digest} ${urgent}`);
      return answer(digest, urgent);
    };
    return { publicKey, signDigest };
  });
  server = await serveSigner({ signers, generator: { generate: (k) => generate(k) } }, socketPath);
});
afterEach(() => server.close());

interface Dialled {
  readonly socket: Socket;
  readonly frames: Frame[];
}

async function dialUnbound(): Promise<Dialled> {
  const socket = connect(socketPath);
  socket.on('error', () => undefined);
  const frames: Frame[] = [];
  const reader = new FrameReader();
  socket.on('data', (chunk) => frames.push(...reader.read(chunk)));
  await once(socket, 'data');
  return { socket, frames };
}

const bind = (key: string): Buffer =>
  encodeFrame({ id: 0, kind: frameKind.bind, body: keyDigest(Buffer.from(key)) });

async function dial(key = 'issuing'): Promise<Dialled> {
  const dialled = await dialUnbound();
  dialled.socket.write(bind(key));
  return dialled;
}

const request = (id: number, kind: number, body: string): Buffer =>
  encodeFrame({ id, kind, body: Buffer.from(body) });

test('says hello first, then answers each request under its number', async () => {
  const { socket, frames } = await dial();
  assert.deepEqual(frames[0]?.body, helloBody(keys));
  socket.write(
    Buffer.concat([request(7, frameKind.sign, 'a'), request(9, frameKind.signFirst, 'b')]),
  );
  await once(socket, 'data');
  assert.deepEqual(signed, ['issuing a false', 'issuing b true']);
  assert.deepEqual(
    frames.slice(1).map(({ id, kind, body }) => [id, kind, String(body)]),
    [
      [7, frameKind.signed, 'a'],
      [9, frameKind.signed, 'b'],
    ],
  );
  socket.destroy();
});

test('unavailable and refused are told apart', async () => {
  const { socket, frames } = await dial();
  answer = async (digest) => {
    throw String(digest) === 'a' ? new SignerUnavailable('down') : new RangeError('wrong');
  };
  socket.write(Buffer.concat([request(1, frameKind.sign, 'a'), request(2, frameKind.sign, 'b')]));
  await once(socket, 'data');
  const kinds = frames.slice(1).map(({ kind }) => kind);
  assert.deepEqual(kinds, [frameKind.unavailable, frameKind.refused]);
  socket.destroy();
});

for (const [name, junk] of [
  ['an overlong frame', Buffer.alloc(64, 0xff)],
  ['an unknown kind', request(1, 99, 'x')],
  ['another key on a connection that has one', bind('cmc')],
] as const) {
  test(`${name} ends that connection and no other`, { timeout }, async () => {
    const good = await dial();
    const bad = await dial();
    bad.socket.write(junk);
    await once(bad.socket, 'close');
    good.socket.write(request(1, frameKind.sign, 'x'));
    await once(good.socket, 'data');
    assert.deepEqual(signed, ['issuing x false']);
    good.socket.destroy();
  });
}

test('closing answers what is pending', async () => {
  const { socket, frames } = await dial();
  const held = Promise.withResolvers<Buffer>();
  answer = () => held.promise;
  socket.write(request(1, frameKind.sign, 'x'));
  while (signed.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const closing = server.close();
  held.resolve(Buffer.from('late'));
  await once(socket, 'close');
  await closing;
  assert.equal(String(frames[1]?.body), 'late');
  assert.ok(!existsSync(socketPath));
});

test('each connection signs with the key it was bound to', async () => {
  const dialled = await Promise.all([dial('cmc'), dial('issuing')]);
  for (const [i, { socket }] of dialled.entries()) {
    socket.write(request(i, frameKind.sign, String(i)));
    await once(socket, 'data');
    socket.destroy();
  }
  assert.deepEqual(signed, ['cmc 0 false', 'issuing 1 false']);
});

test('without a key, or for a key that is not lent, nothing is signed', { timeout }, async () => {
  for (const first of [[], [bind('stranger')]]) {
    const { socket, frames } = await dialUnbound();
    socket.write(Buffer.concat([...first, request(1, frameKind.sign, 'x')]));
    await once(socket, 'close');
    assert.equal(frames.length, 1);
  }
  assert.deepEqual(signed, []);
});

test('a generated key is sent once and then overwritten', async () => {
  const key = {
    subjectPublicKeyInfo: Buffer.from('public half'),
    privateKeyInfo: Buffer.from('very private half'),
  };
  generate = async () => key;
  const { socket, frames } = await dialUnbound();
  socket.write(request(3, frameKind.generate, 'P-256'));
  await once(socket, 'data');
  const { id, kind, body } = frames[1] ?? assert.fail();
  assert.deepEqual([id, kind], [3, frameKind.generated]);
  const { subjectPublicKeyInfo, privateKeyInfo } = decodeGeneratedKey(body);
  assert.equal(String(subjectPublicKeyInfo), 'public half');
  assert.equal(String(privateKeyInfo), 'very private half');
  await eventually(() => key.privateKeyInfo.every((octet) => octet === 0));
  socket.destroy();
});

test('a kind of key that nobody knows is refused; a client that goes away leaves no key', async () => {
  const { socket, frames } = await dialUnbound();
  socket.write(request(1, frameKind.generate, 'RSA-512'));
  await once(socket, 'data');
  assert.equal(frames[1]?.kind, frameKind.refused);
  const made = Promise.withResolvers<GeneratedKey>();
  const asked = Promise.withResolvers<void>();
  generate = (kind) => {
    assert.equal(kind, 'Ed25519');
    asked.resolve();
    return made.promise;
  };
  socket.write(request(2, frameKind.generate, 'Ed25519'));
  await asked.promise;
  socket.destroy();
  // By then the other side has seen it too.
  for (let i = 0; i < 3; i += 1) (await dialUnbound()).socket.destroy();
  const key = { subjectPublicKeyInfo: Buffer.from('p'), privateKeyInfo: Buffer.from('secret') };
  made.resolve(key);
  await eventually(() => key.privateKeyInfo.every((octet) => octet === 0));
});
