import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import type { KeyKind } from '../ca/key-kinds.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import type { GeneratedKey } from './generated-key.ts';
import { RemoteKeyGenerator } from './key-generator-connection.ts';
import { type SignerServer, serveSigner } from './serve-signer.ts';

const directory = mkdtempSync(join(tmpdir(), 'bestow-generator-'));
after(() => rmSync(directory, { recursive: true }));
const socketPath = join(directory, 'signer.sock');

let server: SignerServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(generate: (kind: KeyKind) => Promise<GeneratedKey>): Promise<void> {
  server = await serveSigner({ signers: [], generator: { generate } }, socketPath);
}

const generator = new RemoteKeyGenerator({ socketPath, deadline: 2000 });

test('each caller gets the key of the kind it asked for', async () => {
  await serve(async (kind) => ({
    subjectPublicKeyInfo: Buffer.from(`public ${kind}`),
    privateKeyInfo: Buffer.from(`private ${kind}`.repeat(50)),
  }));
  const kinds = ['P-256', 'RSA-4096', 'Ed25519'] as const;
  const keys = await Promise.all(kinds.map((kind) => generator.generate(kind)));
  for (const [i, { subjectPublicKeyInfo, privateKeyInfo }] of keys.entries()) {
    assert.equal(String(subjectPublicKeyInfo), `public ${kinds[i]}`);
    assert.equal(String(privateKeyInfo), `private ${kinds[i]}`.repeat(50));
  }
});

test('unavailable and refused are told apart', async () => {
  const errors = [new SignerUnavailable('later'), new Error('never')];
  await serve(() => Promise.reject(errors.shift()));
  await assert.rejects(generator.generate('P-256'), {
    name: 'SignerUnavailable',
    message: 'later',
  });
  await assert.rejects(generator.generate('P-256'), { name: 'Error', message: /refused: never/ });
});

test('nothing listens, no answer in time, no sense in it: unavailable', {
  timeout: 10_000,
}, async () => {
  await assert.rejects(generator.generate('P-256'), SignerUnavailable);
  const held = Promise.withResolvers<GeneratedKey>();
  await serve(() => held.promise);
  const hasty = new RemoteKeyGenerator({ socketPath, deadline: 50 });
  await assert.rejects(hasty.generate('RSA-4096'), /made no key within 50 ms/);
  held.reject(new Error('too late'));
  await server?.close();
  server = undefined;

  const noise = await listenWith(Buffer.alloc(64, 0xff));
  try {
    await assert.rejects(generator.generate('P-256'), SignerUnavailable);
  } finally {
    noise.close();
  }
});

async function listenWith(greeting: Buffer): Promise<Server> {
  const noise = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(greeting);
  });
  await new Promise<void>((listening) => noise.listen(socketPath, listening));
  return noise;
}
