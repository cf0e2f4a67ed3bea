/** Devices with keys, requests and one-time passwords, prepared so that a measurement holds nothing but enrollments. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { encode, encodeBitString, tags } from '../ca/der.ts';
import { encodeSubject } from '../ca/distinguished-name.ts';
import { oid } from '../ca/object-identifiers.ts';
import {
  hashOneTimePassword,
  makeCredentialId,
  makeOneTimePassword,
} from '../enrollment/one-time-password.ts';
import { loadConfig, readSecret } from '../server/config.ts';
import { openStores } from '../storage/stores.ts';

/** A PKCS#10 request by a new P-256 key, DER. */
export function makeRequest(commonName: string): Uint8Array {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const info = encode(
    tags.sequence,
    encode(tags.integer, Uint8Array.of(0)),
    encodeSubject({ commonName }),
    publicKey.export({ type: 'spki', format: 'der' }),
    encode(0xa0),
  );
  return encode(
    tags.sequence,
    info,
    encode(tags.sequence, oid['ecdsa-with-SHA256']),
    encodeBitString(sign('sha256', info, privateKey)),
  );
}

export interface PreparedDevice {
  readonly id: string;
  readonly password: string;
  readonly request: Uint8Array;
}

let made = 0;

/** Registers devices and stores a one-time password for each. */
export async function prepareDevices(data: string, count: number): Promise<PreparedDevice[]> {
  const config = loadConfig(data);
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const stores = await openStores(config.storage, config.est.failures);
  const now = new Date();
  const expiresAt = new Date(now.getTime() + 3_600_000);
  const devices = Array.from({ length: count }, () => {
    const id = `bench-${++made}`;
    return { id, password: makeOneTimePassword(), request: makeRequest(id) };
  });
  await Promise.all(
    devices.map(async ({ id, password }) => {
      await stores.devices.add({ id, tenant: 'default', names: [] }, 'bench', now);
      await stores.oneTimePasswords.create({
        id: makeCredentialId(),
        device: id,
        passwordHash: hashOneTimePassword(password, pepper),
        createdAt: now,
        expiresAt,
        by: 'bench',
      });
    }),
  );
  await stores.close();
  return devices;
}

/** The enrollment of a prepared device as one HTTP request, latin1. */
export function enrollmentText({ id, password, request }: PreparedDevice): string {
  const body = Buffer.from(request).toString('base64');
  const basic = Buffer.from(`${id}:${password}`).toString('base64');
  return `POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic ${basic}\r\nContent-Type: application/pkcs10\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}
