import assert from 'node:assert/strict';
import { generateKeyPairSync, hash, privateEncrypt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { SignerUnavailable } from '../ca/signer.ts';
import { eventually } from '../test/support/eventually.ts';
import { encodeFrame, type Frame, FrameReader, frameKind, maxBodyBytes } from './frame.ts';
import { helloBody, keyDigest } from './serve-signer.ts';
import { connectSigner, type RemoteSigner } from './signer-connection.ts';
import type { SignerKey } from './token-key.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-connection-'));
after(() => rmSync(directory, { recursive: true }));
const socketPath = join(directory, 'signer.sock');

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key: SignerKey = {
  publicKey: publicKey.export({ type: 'spki', format: 'der' }),
  algorithm: 'sha256WithRSAEncryption',
};

let server: Server | undefined;
let sockets: Socket[] = [];
/** Digests of the keys that connections were bound to. */
let bound: string[] = [];
let connection: RemoteSigner | undefined;
afterEach(() => {
  bound = [];
  connection?.close();
  stop();
});

function stop(): void {
  server?.close();
  for (const socket of sockets) socket.destroy();
  sockets = [];
}

const stranger = Buffer.from('another key');

/** @param hello the keys that are lent; none: not even a hello is said */
async function serve(
  answer: (frame: Frame, socket: Socket) => void,
  hello: readonly Uint8Array[] = [stranger, key.publicKey],
) {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    const reader = new FrameReader();
    if (hello.length > 0) {
      socket.write(encodeFrame({ id: 0, kind: frameKind.hello, body: helloBody(hello) }));
    }
    socket.on('data', (chunk) => {
      for (const frame of reader.read(chunk)) {
        if (frame.kind !== frameKind.bind) answer(frame, socket);
        else bound.push(frame.body.toString('hex'));
      }
    });
  });
  rmSync(socketPath, { force: true });
  server.listen(socketPath);
  await once(server, 'listening');
}

function dial(deadline = 1000): RemoteSigner {
  connection = connectSigner({ ...key, socketPath, deadline });
  return connection;
}

/** Whatever is asked, an answer comes; test signatures of the client do not verify with it. */
const anything = ({ id }: Frame, socket: Socket) =>
  void socket.write(encodeFrame({ id, kind: frameKind.signed, body: Buffer.from('signature') }));

const message = Buffer.from('to be signed');

test('frames survive any cutting; an overlong one is refused before it is read', () => {
  const survive = (lengths: readonly number[], steps: readonly number[]): void => {
    const frames = lengths.map((length, id) => ({
      id,
      kind: frameKind.sign,
      body: Buffer.alloc(length, id),
    }));
    const stream = Buffer.concat(frames.map(encodeFrame));
    for (const step of steps) {
      const reader = new FrameReader();
      const read: Frame[] = [];
      for (let i = 0; i < stream.length; i += step) {
        read.push(...reader.read(stream.subarray(i, i + step)));
      }
      assert.ok(isDeepStrictEqual(read, frames));
    }
  };
  survive([0, 1, 200, 4096], [1, 2, 7, 64, 5000]);
  survive([1, maxBodyBytes, 1], [4096, 65_536, 2 * maxBodyBytes]);
  assert.throws(() => new FrameReader().read(Buffer.alloc(16, 0xff)), RangeError);
});

test('a reader of secrets leaves none in the pieces they came in', () => {
  const frame = encodeFrame({ id: 1, kind: frameKind.generated, body: Buffer.from('secret') });
  for (const cut of [3, 11, frame.length - 1]) {
    const reader = new FrameReader('secret');
    const pieces = [Buffer.from(frame.subarray(0, cut)), Buffer.from(frame.subarray(cut))];
    const [read] = pieces.flatMap((piece) => reader.read(piece));
    assert.equal(String(read?.body), 'secret');
    for (const piece of pieces) assert.ok(piece.every((octet) => octet === 0));
  }
});

test('nothing listens: unavailable, then found again without being asked', async () => {
  const signer = dial();
  await assert.rejects(signer.sign(message), SignerUnavailable);
  assert.equal(signer.available, false);
  await serve(({ id, body }, socket) => {
    // As CKM_RSA_PKCS does: the input is the DigestInfo already.
    const info = Buffer.from('3031300d060960864801650304020105000420', 'hex');
    const signature = privateEncrypt(privateKey, Buffer.concat([info, body]));
    socket.write(encodeFrame({ id, kind: frameKind.signed, body: signature }));
  });
  await eventually(() => signer.available);
  assert.ok((await signer.sign(message)).length === 256);
});

test('answers find their callers in any order', async () => {
  const held: [Frame, Socket][] = [];
  await serve((frame, socket) => {
    held.push([frame, socket]);
    if (held.length < 50) return;
    for (const [{ id, body }, peer] of held.reverse()) {
      peer.write(encodeFrame({ id, kind: frameKind.signed, body }));
    }
  });
  const signer = dial();
  const messages = Array.from({ length: 50 }, (_, i) => Buffer.from(`message ${i}`));
  const echoed = await Promise.all(messages.map((each) => signer.sign(each)));
  assert.deepEqual(bound, [keyDigest(key.publicKey).toString('hex')]);
  assert.deepEqual(
    echoed,
    messages.map((each) => hash('sha256', each, 'buffer')),
  );
});

test('a deadline passes: only that call fails, and availability is lost, then found', async () => {
  let silent = true;
  await serve((frame, socket) => {
    if (!silent) anything(frame, socket);
  });
  const signer = dial(100);
  await assert.rejects(signer.sign(message), /did not answer within 100 ms/);
  assert.equal(signer.available, false);
  silent = false;
  await signer.sign(message);
  assert.equal(signer.available, true);
});

test('a peer that dies fails what is pending; the next call connects again', async () => {
  await serve((_frame, socket) => void socket.destroy());
  const signer = dial();
  await assert.rejects(signer.sign(message), SignerUnavailable);
  assert.equal(signer.available, false);
  stop();
  await serve(anything);
  assert.equal((await signer.sign(message)).toString(), 'signature');
});

test('a peer that says nothing, or signs with another key, is given nothing to sign', async () => {
  let asked = 0;
  const count = () => {
    asked += 1;
  };
  await serve(count, []);
  await assert.rejects(dial(100).sign(message), SignerUnavailable);
  connection?.close();
  stop();
  await serve(count, [stranger, Buffer.from('a third key')]);
  await assert.rejects(dial(100).sign(message), SignerUnavailable);
  assert.equal(asked, 0);
  assert.deepEqual(bound, []);
});

test('unavailable and refused are told apart; a closed connection refuses', async () => {
  const kinds: number[] = [frameKind.unavailable, frameKind.refused];
  await serve(({ id }, socket) => {
    const kind = kinds.shift() ?? frameKind.unavailable;
    socket.write(encodeFrame({ id, kind, body: Buffer.from('the reason') }));
  });
  const signer = dial();
  await assert.rejects(signer.sign(message), { name: 'SignerUnavailable', message: 'the reason' });
  await assert.rejects(signer.sign(message), { name: 'Error', message: /refused: the reason/ });
  signer.close();
  assert.equal(signer.available, false);
  await assert.rejects(signer.sign(message), SignerUnavailable);
});

test('test signatures that do not verify leave it unavailable', async () => {
  let probes = 0;
  await serve((frame, socket) => {
    if (frame.kind === frameKind.signFirst) probes += 1;
    if (frame.kind === frameKind.signFirst) anything(frame, socket);
  });
  const signer = dial(50);
  await assert.rejects(signer.sign(message), SignerUnavailable);
  await eventually(() => probes >= 3);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(signer.available, false);
});

test('callers beyond the bound are turned away at once', async () => {
  await serve(() => undefined);
  const signer = dial(10_000);
  const waiting = Array.from({ length: 4000 }, () => signer.sign(message).catch(() => undefined));
  await assert.rejects(signer.sign(message), /too many signatures are waiting/);
  signer.close();
  await Promise.all(waiting);
});
