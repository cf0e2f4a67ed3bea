/**
 * Whatever comes in, each parser reads it or refuses it; it never fails in another way, and never takes long.
 */

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { CertificateError, readCertificate } from '../../ca/certificate.ts';
import { parseCertificateRequest, parseKeylessRequest } from '../../ca/certificate-request.ts';
import { readSignedData } from '../../ca/cms/read-signed-data.ts';
import { DerError } from '../../ca/der.ts';
import { Refusal } from '../../ca/refusal.ts';
import { CmcFailure } from '../../server/est/cmc/cmc-failure.ts';
import { readControls, readEcho } from '../../server/est/cmc/controls.ts';
import { readPkiData } from '../../server/est/cmc/pki-data.ts';
import { readRequests } from '../../server/est/cmc/read-requests.ts';
import { decodeBody } from '../../server/est/messages.ts';
import { readEstPath } from '../../server/est/path.ts';
import { forgePkiData } from '../support/forged-pki-data.ts';
import { commonName, forgeRequest, keyPairs } from '../support/forged-request.ts';
import { forgeSignedData } from '../support/forged-signed-data.ts';
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

const messages = [forgePkiData(forgeSignedData())].map((content) =>
  Buffer.from(forgeSignedData({ content })),
);

/** As far as a Full PKI Request is read before it is known who sent it. */
async function readCmc(message: Uint8Array): Promise<void> {
  try {
    const { controls, requests: tagged } = readPkiData(readSignedData(message).content);
    readEcho(controls);
    readControls(controls);
    await readRequests(tagged, commonName('Test CA'));
  } catch (error) {
    throw error instanceof CmcFailure ? error.cause : error;
  }
}

const parsers: Record<string, Parser> = {
  'certificate requests': { seeds: requests, read: parseCertificateRequest },
  'requests for a key to be made': {
    seeds: requests,
    read: async (der) => parseKeylessRequest(der),
  },
  'Full PKI Requests': { seeds: [...messages, readVector('rfc6402-PKIData.b64')], read: readCmc },
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
