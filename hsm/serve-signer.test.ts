import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { SignerUnavailable } from '../ca/signer.ts';
import { encodeFrame, type Frame, FrameReader, frameKind } from './frame.ts';
import { type DigestSigner, helloBody, type SignerServer, serveSigner } from './serve-signer.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-serve-'));
after(() => rmSync(directory, { recursive: true }));
const socketPath = join(directory, 'signer.sock');

let server: SignerServer;
let answer: DigestSigner['signDigest'];
let signed: string[];
beforeEach(async () => {
  signed = [];
  answer = async (digest) => digest;
  const signDigest: DigestSigner['signDigest'] = (digest, urgent) => {
    signed.push(`${digest} ${urgent}`);
    return answer(digest, urgent);
  };
  server = await serveSigner({ publicKey: Buffer.from('key'), signDigest }, socketPath);
});
afterEach(() => server.close());

async function dial(): Promise<{ socket: Socket; frames: Frame[] }> {
  const socket = connect(socketPath);
  socket.on('error', () => undefined);
  const frames: Frame[] = [];
  const reader = new FrameReader();
  socket.on('data', (chunk) => frames.push(...reader.read(chunk)));
  await once(socket, 'data');
  return { socket, frames };
}

const request = (id: number, kind: number, body: string): Buffer =>
  encodeFrame({ id, kind, body: Buffer.from(body) });

test('says hello first, then answers each request under its number', async () => {
  const { socket, frames } = await dial();
  assert.deepEqual(frames[0]?.body, helloBody(Buffer.from('key')));
  socket.write(
    Buffer.concat([request(7, frameKind.sign, 'a'), request(9, frameKind.signFirst, 'b')]),
  );
  await once(socket, 'data');
  assert.deepEqual(signed, ['a false', 'b true']);
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
] as const) {
  test(`${name} ends that connection and no other`, async () => {
    const good = await dial();
    const bad = await dial();
    bad.socket.write(junk);
    await once(bad.socket, 'close');
    good.socket.write(request(1, frameKind.sign, 'x'));
    await once(good.socket, 'data');
    assert.deepEqual(signed, ['x false']);
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
