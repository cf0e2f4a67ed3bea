/**
 * What the status listener says over HTTP, over the real parts but for the network and the HSM.
 */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Express } from 'express';
import { pino } from 'pino';
import request from 'supertest';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { ocspResponderProfile } from '../../ca/certificate-profile.ts';
import type { CrlRecord } from '../../ca/crl-store.ts';
import { readDer } from '../../ca/der.ts';
import { readPublicKey } from '../../ca/key-rules.ts';
import { readOcspCertificate } from '../../ca/ocsp-certificate.ts';
import { OcspResponder } from '../../ca/ocsp-responder.ts';
import { memoryLedger } from '../../test/support/memory-ledger.ts';
import { certificateId, ocspRequest } from '../../test/support/ocsp-requests.ts';
import { makePlan, makeSoftwareCa } from '../../test/support/software-ca.ts';
import { SoftwareSigner } from '../../test/support/software-signer.ts';
import { statusApp } from './app.ts';
import type { StatusParts } from './exchange.ts';

const ca = await makeSoftwareCa();
const { issuing, root } = ca;
const crlPath = `/crl/${issuing.id}.crl`;
const issuingPath = `/ca/${issuing.id}.cer`;
const rootPath = `/ca/${root.id}.cer`;
const log: Record<string, unknown>[] = [];
const logger = pino({}, { write: (line: string) => log.push(JSON.parse(line)) });
const hour = 3_600_000;
/** Whole seconds, as they are in headers. */
const start = new Date(Math.floor(Date.now() / 1000) * 1000);
const later = (ms: number) => new Date(start.getTime() + ms);
const crl: CrlRecord = {
  issuer: issuing.id,
  partition: 0,
  number: 7,
  thisUpdate: later(-hour),
  nextUpdate: later(100 * hour),
  revocations: 0,
  der: Buffer.from('30020500', 'hex'),
};

/** Of one partition besides the whole CRL. */
const publishing = (whole: CrlRecord) => ({
  current: async (partition = 0) => ({ ...whole, partition }),
  has: async (partition: number) => partition === 12,
});

let parts: StatusParts;
let app: Express;
let signer: SoftwareSigner;
let good: Uint8Array;

beforeEach(async () => {
  log.length = 0;
  const ledger = memoryLedger();
  const authority = new CertificateAuthority({
    issuer: issuing,
    signer: ca.signer,
    ledger,
    serialPrefix: 1,
  });
  signer = new SoftwareSigner('P-256');
  const publicKey = readPublicKey(readDer(signer.publicKey));
  const plan = makePlan({ profile: ocspResponderProfile, publicKey, endpoints: [] });
  const certificate = readOcspCertificate((await authority.issue(plan)).certificate, issuing);
  const { serialNumber } = await authority.issue(makePlan());
  good = ocspRequest([certificateId(issuing, serialNumber)]);
  parts = {
    crls: (id) => (id === issuing.id ? publishing(crl) : undefined),
    certificate: (id) => [root, issuing].find((each) => each.id === id),
    responders: [
      new OcspResponder({ issuer: issuing, signer, certificate, ledger, validitySeconds: 1800 }),
    ],
    logger,
  };
  app = statusApp(parts);
});

/** Octets of the answer in `body`. */
const send = (pending: request.Test) => pending.buffer(true).parse(octets);
function octets(answer: request.Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  const stream = answer as unknown as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => done(null, Buffer.concat(chunks)));
}
const get = (path: string) => send(request(app).get(path));
const post = (body: Uint8Array, type = 'application/ocsp-request') =>
  send(request(app).post('/ocsp').set('Content-Type', type)).send(Buffer.from(body));
const pathOf = (der: Uint8Array) =>
  `/ocsp/${encodeURIComponent(Buffer.from(der).toString('base64'))}`;
/** OCSPResponseStatus. */
const statusIn = (body: Buffer) => readDer(body).children[0]?.content[0];

function maxAgeIn(headers: Record<string, string>): number {
  const [, seconds] =
    /^max-age=(\d+), public, no-transform, must-revalidate$/.exec(headers['cache-control'] ?? '') ??
    [];
  return Number(seconds);
}

describe('CRL and certificates', () => {
  const files = [
    [crlPath, 'application/pkix-crl', crl.der, crl.thisUpdate, crl.nextUpdate],
    [issuingPath, 'application/pkix-cert', issuing.der, issuing.notBefore, issuing.notAfter],
    [rootPath, 'application/pkix-cert', root.der, root.notBefore, root.notAfter],
  ] as const;
  for (const [path, type, der, modified, expires] of files)
    test(path, async () => {
      const { status, headers, body } = await get(path);
      assert.equal(status, 200);
      assert.equal(headers['content-type'], type);
      assert.deepEqual(body, Buffer.from(der));
      assert.equal(headers['last-modified'], modified.toUTCString());
      assert.equal(headers.expires, expires.toUTCString());
      assert.equal(maxAgeIn(headers), 3600);
      const [line] = log;
      assert.equal(line?.requestId, headers['x-request-id']);
      assert.equal(line?.path, path);

      const head = await request(app).head(path);
      assert.equal(head.headers['content-length'], String(der.length));
      const known = await request(app)
        .get(path)
        .set('If-None-Match', headers.etag ?? 'none');
      assert.equal(known.status, 304);
      assert.equal(known.headers.etag, headers.etag);
      const since = await request(app).get(path).set('If-Modified-Since', modified.toUTCString());
      assert.equal(since.status, 304);
      const other = await request(app).get(path).set('If-None-Match', '"other"');
      assert.equal(other.status, 200);
    });

  test('a partition of the CRL has an address and a tag of its own', async () => {
    const at = (partition: string) => `/crl/${issuing.id}/${partition}.crl`;
    const { status, headers, body } = await get(at('12'));
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'application/pkix-crl');
    assert.deepEqual(body, Buffer.from(crl.der));
    assert.equal(log[0]?.partition, 12);
    const whole = await get(`/crl/${issuing.id}.crl`);
    assert.notEqual(whole.headers.etag, headers.etag);
    for (const none of ['13', '0', '012', '99999', 'x'])
      assert.equal((await get(at(none))).status, 404, none);
    assert.equal((await get('/crl/00ff/12.crl')).status, 404);
  });

  test('no cache keeps a CRL beyond its end, and each CRL has a tag of its own', async () => {
    const { headers } = await get(crlPath);
    const nearEnd = { ...crl, number: 8, nextUpdate: new Date(Date.now() + 90_000) };
    app = statusApp({ ...parts, crls: () => publishing(nearEnd) });
    const next = await get(crlPath);
    assert.ok(maxAgeIn(next.headers) <= 90 && maxAgeIn(next.headers) > 60);
    assert.notEqual(next.headers.etag, headers.etag);
  });
});

describe('OCSP', () => {
  test('by POST and by GET, with what caches need', async () => {
    for (const answer of [await post(good), await get(pathOf(good))]) {
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/ocsp-response');
      assert.equal(statusIn(answer.body), 0);
      const { 'last-modified': modified = '', expires = '' } = answer.headers;
      assert.equal(Date.parse(expires) - Date.parse(modified), 1_800_000);
      assert.ok(maxAgeIn(answer.headers) > 1700 && maxAgeIn(answer.headers) <= 1800);
    }
    const { headers } = await get(pathOf(good));
    const known = await request(app)
      .get(pathOf(good))
      .set('If-None-Match', headers.etag ?? 'none');
    assert.equal(known.status, 304);
    assert.deepEqual(log.at(-1)?.statuses, ['good']);
    const head = await request(app).head(pathOf(good));
    assert.ok(Number(head.headers['content-length']) > 500);
  });

  test('nobody keeps what is unknown', async () => {
    const { headers, body } = await get(pathOf(ocspRequest([certificateId(issuing, '01')])));
    assert.equal(statusIn(body), 0);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers.etag, undefined);
  });

  const errors: Record<string, [() => PromiseLike<request.Response>, number, string]> = {
    'garbage by POST': [() => post(Buffer.from('garbage')), 1, 'malformedRequest'],
    'nothing by POST': [() => post(Buffer.alloc(0)), 1, 'malformedRequest'],
    'garbage by GET': [() => get('/ocsp/garbage'), 1, 'malformedRequest'],
    'nothing by GET': [() => get('/ocsp'), 1, 'malformedRequest'],
    'of another issuer': [() => post(ocspRequest([certificateId(root, '01')])), 6, 'unauthorized'],
  };
  for (const [what, [asked, status, name]] of Object.entries(errors))
    test(`${what}: ${name}, not signed, with HTTP status 200`, async () => {
      const answer = await asked();
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/ocsp-response');
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.deepEqual(answer.body, Buffer.from([0x30, 3, 0x0a, 1, status]));
      assert.equal(log.at(-1)?.ocsp, name);
    });

  test('while the key is out of reach: tryLater; a fault: internalError, and nothing of it', async () => {
    signer.reachable = false;
    assert.equal(statusIn((await post(good)).body), 3);
    signer.reachable = true;
    signer.distort = (signature) => signature.reverse();
    assert.deepEqual((await post(good)).body, Buffer.from('30030a0102', 'hex'));
    assert.equal(log.filter(({ msg }) => msg === 'fault').length, 2);
  });

  test('what is no OCSP request to begin with has a status of HTTP', async () => {
    const html = await post(good, 'text/html');
    assert.equal(html.status, 415);
    assert.match(html.body.toString(), /must be application\/ocsp-request\. \(request /);
    const large = await post(Buffer.alloc(16 * 1024 + 1));
    assert.equal(large.status, 413);
    assert.equal(large.headers.connection, 'close');
    const packed = request(app).post('/ocsp').set('Content-Type', 'application/ocsp-request');
    assert.equal((await packed.set('Content-Encoding', 'gzip').send('x')).status, 415);
  });

  test('without a key for it: nothing there', async () => {
    app = statusApp({ ...parts, responders: [] });
    assert.equal((await post(good)).status, 404);
    assert.equal((await get(issuingPath)).status, 200);
  });
});

test('another path or method is refused in a sentence, under a request id', async () => {
  for (const path of [
    '/',
    '/crl',
    `/crl/${root.id}.crl`,
    `/crl/${issuing.id}.cer`,
    '/ca/00.cer',
    `${issuingPath}/`,
    '/ocspx',
    '/.well-known/est/cacerts',
  ]) {
    const answer = await request(app).get(path);
    assert.equal(answer.status, 404, path);
    assert.match(answer.text, /nothing at this path\. \(request [0-9a-f-]{36}\)/);
    assert.ok(answer.text.includes(answer.headers['x-request-id'] ?? 'no id'));
    assert.equal(answer.headers['cache-control'], 'no-store');
  }
  const file = await request(app).post(crlPath);
  assert.equal(file.status, 405);
  assert.equal(file.headers.allow, 'GET, HEAD');
  const ocsp = await request(app).put('/ocsp');
  assert.equal(ocsp.status, 405);
  assert.equal(ocsp.headers.allow, 'GET, HEAD, POST');
});

test('a CRL that cannot be had is a fault, which is not explained', async () => {
  const current = () => Promise.reject(new Error('secret of the storage'));
  app = statusApp({ ...parts, crls: () => ({ current, has: async () => false }) });
  const answer = await request(app).get(crlPath);
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.text, /secret/);
});
