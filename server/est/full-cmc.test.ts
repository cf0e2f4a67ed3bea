/**
 * /fullcmc when its key is not at hand: missing, away, or kept busy by strangers.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { pino } from 'pino';
import request from 'supertest';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { cmcResponderProfile } from '../../ca/certificate-profile.ts';
import { readDer } from '../../ca/der.ts';
import { memoryLedger } from '../../test/support/memory-ledger.ts';
import { oneIssuer } from '../../test/support/one-issuer.ts';
import { makePlan, makeSoftwareCa } from '../../test/support/software-ca.ts';
import { SoftwareSigner } from '../../test/support/software-signer.ts';
import { estApp } from './app.ts';
import type { CmcSigner, EstParts } from './exchange.ts';

const signer = new SoftwareSigner('P-256');
let authority: CertificateAuthority;
let cmcSigner: CmcSigner;

before(async () => {
  const ca = await makeSoftwareCa();
  const ledger = memoryLedger();
  authority = new CertificateAuthority({
    issuer: ca.issuing,
    signer: ca.signer,
    ledger,
    serialPrefix: 1,
  });
  const bits = readDer(signer.publicKey).children[1];
  const { certificate } = await authority.issue(
    makePlan({
      profile: cmcResponderProfile,
      publicKey: {
        subjectPublicKeyInfo: signer.publicKey,
        subjectPublicKey: bits?.content.subarray(1) ?? new Uint8Array(),
      },
    }),
  );
  cmcSigner = { signer, certificate };
});

/** A message that nobody can have sent needs nothing but the key for its answer. */
function ask(more: { cmcSigner?: CmcSigner } = { cmcSigner }) {
  const issuers = oneIssuer(authority, more);
  const app = estApp({ issuers } as unknown as EstParts, pino({ level: 'silent' }));
  return request(app)
    .post('/.well-known/est/fullcmc')
    .set('Content-Type', 'application/pkcs7-mime')
    .send('MAA=')
    .then((answer) => answer);
}

test('without a key of its own it is not there (RFC 7030 section 4.3.2)', async () => {
  const { status, text } = await ask({});
  assert.equal(status, 404);
  assert.match(text, /Full CMC is not offered/);
});

test('with it, what is malformed is refused by a signed answer', async () => {
  const { status, headers } = await ask();
  assert.equal(status, 400);
  assert.equal(headers['content-type'], 'application/pkcs7-mime; smime-type=CMC-response');
});

describe('an answer that cannot be signed', () => {
  test('while the key is out of reach: 503, as text', async () => {
    signer.reachable = false;
    try {
      const { status, headers, text } = await ask();
      assert.equal(status, 503);
      assert.ok(Number(headers['retry-after']) > 0);
      assert.match(headers['content-type'] ?? '', /^text\/plain/);
      assert.match(text, /try again/);
    } finally {
      signer.reachable = true;
    }
  });

  test('while strangers keep it busy: a few wait, the others are turned away', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = {
      publicKey: signer.publicKey,
      algorithm: signer.algorithm,
      available: true,
      sign: async (octets: Uint8Array) => {
        await held;
        return signer.sign(octets);
      },
    };
    const app = { cmcSigner: { ...cmcSigner, signer: slow } };
    // One is signed for, 64 wait.
    const all = Array.from({ length: 80 }, () => ask(app));
    const first = await Promise.race(all);
    assert.equal(first.status, 503);
    release();
    const statuses = (await Promise.all(all)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 503).length, 15);
    assert.equal(statuses.filter((status) => status === 400).length, 65);
  });
});
