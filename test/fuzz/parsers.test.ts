/**
 * Whatever comes in, each parser reads it or refuses it; it never fails in another way, and never takes long.
 */

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { CertificateError, readCertificate } from '../../ca/certificate.ts';
import { parseCertificateRequest, parseKeylessRequest } from '../../ca/certificate-request.ts';
import { DerError } from '../../ca/der.ts';
import { Refusal } from '../../ca/refusal.ts';
import { decodeBody } from '../../server/est/messages.ts';
import { readEstPath } from '../../server/est/path.ts';
import { forgeRequest, keyPairs } from '../support/forged-request.ts';
import { readVector, vectorNames } from '../support/vectors.ts';
import { mutated, search, seconds } from './mutation.ts';

const requests = [
  ...Object.keys(keyPairs).map((key) =>
    Buffer.from(forgeRequest({ key: key as keyof typeof keyPairs })),
  ),
  ...vectorNames.filter((name) => /csr|Request|otp/i.test(name)).map(readVector),
];
const everything = vectorNames.map(readVector);

/** An attacker pays for a request what it costs to send it; no parser may make it dear. */
const longestMs = 5000;

interface Parser {
  readonly seeds: readonly Buffer[];
  read(message: Buffer): unknown;
}

const parsers: Record<string, Parser> = {
  'certificate requests': { seeds: requests, read: parseCertificateRequest },
  'requests for a key to be made': {
    seeds: requests,
    read: async (der) => parseKeylessRequest(der),
  },
  certificates: { seeds: everything, read: async (der) => readCertificate(der) },
  'request bodies': {
    seeds: requests.map((der) => Buffer.from(der.toString('base64'))),
    read: async (body) => decodeBody(body),
  },
  paths: {
    seeds: ['/.well-known/est/simpleenroll', '/.well-known/est/l%41b/csrattrs?x=1'].map((path) =>
      Buffer.from(path),
    ),
    read: async (path) => readEstPath(path.toString('latin1')),
  },
};

for (const [name, { seeds, read }] of Object.entries(parsers))
  test(`${name} are read or refused`, { timeout: (seconds + 30) * 1000 }, async (t) => {
    const runs = await search(mutated(seeds), async (message) => {
      const began = performance.now();
      try {
        await read(message);
      } catch (error) {
        const expected = [Refusal, DerError, CertificateError].some(
          (kind) => error instanceof kind,
        );
        if (!expected) throw error;
      }
      const took = performance.now() - began;
      assert.ok(took < longestMs, `it took ${took.toFixed(0)} ms`);
    });
    assert.ok(runs > 100, `only ${runs} messages were tried`);
    t.diagnostic(`${runs} messages`);
  });
