import { randomBytes } from 'node:crypto';
import { connect, isIP } from 'node:net';
import type { EstServer } from './est-server.ts';

// TLS libraries no longer send what a server must refuse, so these hellos are written by hand.

export interface Hello {
  readonly version: number;
  readonly cipherSuites: readonly number[];
  readonly compression?: readonly number[];
}

export interface ServerHello {
  readonly version: number;
  readonly cipherSuite: number;
  readonly compression: number;
  readonly extensions: ReadonlySet<number>;
}

export const TLS_1_0 = 0x0301;
export const TLS_1_1 = 0x0302;
export const TLS_1_2 = 0x0303;
export const EXTENDED_MASTER_SECRET = 0x0017;
export const RENEGOTIATION_INFO = 0xff01;

export const SUITES = {
  /** ECDHE and DHE with AES-GCM or ChaCha20. */
  forwardSecretAead: [0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0x009e, 0x009f],
  staticRsa: [0x009c, 0x009d, 0x002f, 0x0035, 0x003c, 0x003d],
  cbc: [0xc009, 0xc00a, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028, 0x0033, 0x0039, 0x0067],
  null: [0x0001, 0x0002, 0x003b, 0xc006, 0xc010],
  anonymous: [0x0018, 0x001b, 0x0034, 0x003a, 0x006c, 0x006d, 0x00a6, 0x00a7, 0xc016, 0xc018],
  export: [0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0017, 0x0019],
  des: [0x0009, 0x000c, 0x000f, 0x0012, 0x0015, 0x001a, 0x000a, 0x0016, 0xc008, 0xc012],
  rc4: [0x0004, 0x0005, 0xc007, 0xc011],
  preSharedKey: [0x00a8, 0x00a9, 0x008a, 0x008b, 0x008c, 0x008d, 0x00ae, 0x00aa, 0xc035, 0xccab],
} as const;

const PATIENCE = 10_000;

/** Sends a ClientHello of TLS 1.2 or older; undefined means the server refused it by alert or by closing. */
export function sayHello(server: EstServer, hello: Hello): Promise<ServerHello | undefined> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect({ host: server.host, port: server.port });
    const finish = (outcome: ServerHello | undefined) => {
      resolve(outcome);
      socket.destroy();
    };
    socket.setTimeout(PATIENCE, () => socket.destroy(new Error('no answer to a ClientHello')));
    socket.once('connect', () => socket.write(encodeHello(server, hello)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received[0] === 0x15) finish(undefined);
      const parsed = parseServerHello(received);
      if (parsed) finish(parsed);
    });
    socket.once('end', () => finish(undefined));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? finish(undefined) : reject(error),
    );
  });
}

const u8 = (...bytes: number[]) => Buffer.from(bytes);
const u16 = (...values: number[]) =>
  Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));
const vector8 = (body: Buffer) => Buffer.concat([u8(body.length), body]);
const vector16 = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u16(body.length), body]);
};
const extension = (type: number, body: Buffer) => Buffer.concat([u16(type), vector16(body)]);

function encodeHello(server: EstServer, hello: Hello): Buffer {
  const name = vector16(u8(0), vector16(Buffer.from(server.host)));
  const signatures = [0x0403, 0x0503, 0x0804, 0x0805, 0x0401, 0x0501, 0x0203, 0x0201];
  const extensions = vector16(
    ...(isIP(server.host) ? [] : [extension(0, name)]),
    extension(0x000a, vector16(u16(0x001d, 0x0017, 0x0018, 0x0100))),
    extension(0x000b, vector8(u8(0))),
    extension(0x000d, vector16(u16(...signatures))),
    extension(EXTENDED_MASTER_SECRET, u8()),
    extension(RENEGOTIATION_INFO, u8(0)),
  );
  const body = Buffer.concat([
    u16(hello.version),
    randomBytes(32),
    u8(0),
    vector16(u16(...hello.cipherSuites)),
    vector8(u8(...(hello.compression ?? [0]))),
    extensions,
  ]);
  const handshake = Buffer.concat([u8(1, 0), u16(body.length), body]);
  return Buffer.concat([u8(0x16), u16(TLS_1_0), vector16(handshake)]);
}

/** Reads the first handshake message of the first record (RFC 5246 section 7.4.1.3), once it is all there. */
function parseServerHello(received: Buffer): ServerHello | undefined {
  if (received[0] !== 0x16 || received.length < 9) return undefined;
  const end = 9 + received.readUIntBE(6, 3);
  if (received[5] !== 2 || received.length < end) return undefined;
  const body = received.subarray(9, end);
  const afterSession = 35 + body.readUInt8(34);
  const extensions = new Set<number>();
  for (let offset = afterSession + 5; offset + 4 <= body.length; ) {
    extensions.add(body.readUInt16BE(offset));
    offset += 4 + body.readUInt16BE(offset + 2);
  }
  return {
    version: body.readUInt16BE(0),
    cipherSuite: body.readUInt16BE(afterSession),
    compression: body.readUInt8(afterSession + 2),
    extensions,
  };
}
