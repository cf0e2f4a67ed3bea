/**
 * What is answered, when it is signed anew and when an answer serves again, over software keys.
 */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { type MemoryLedger, memoryLedger } from '../test/support/memory-ledger.ts';
import { certificateId, ocspRequest } from '../test/support/ocsp-requests.ts';
import { makePlan, makeSoftwareCa } from '../test/support/software-ca.ts';
import { SoftwareSigner } from '../test/support/software-signer.ts';
import { keyIdentifierOf } from './certificate.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { ocspResponderProfile } from './certificate-profile.ts';
import { readDer } from './der.ts';
import { readPublicKey } from './key-rules.ts';
import { octetsKey } from './object-identifiers.ts';
import { type OcspCertificate, readOcspCertificate } from './ocsp-certificate.ts';
import { readOcspRequest } from './ocsp-request.ts';
import { type OcspAnswer, OcspResponder } from './ocsp-responder.ts';

const ca = await makeSoftwareCa();
const elsewhere = await makeSoftwareCa();
const { issuing } = ca;
const hour = 3600;
let now: Date;
let ledger: MemoryLedger;
let authority: CertificateAuthority;
let signer: SoftwareSigner;
let signed: number;
let certificate: OcspCertificate;
let responder: OcspResponder;

beforeEach(async () => {
  now = new Date();
  ledger = memoryLedger();
  const parts = { issuer: issuing, signer: ca.signer, ledger, serialPrefix: 1, clock: () => now };
  authority = new CertificateAuthority(parts);
  signer = new SoftwareSigner('P-256');
  const publicKey = readPublicKey(readDer(signer.publicKey));
  const plan = makePlan({ profile: ocspResponderProfile, publicKey, endpoints: [] });
  certificate = readOcspCertificate((await authority.issue(plan)).certificate, issuing);
  signed = 0;
  signer.onSign = () => {
    signed++;
  };
  responder = new OcspResponder({
    issuer: issuing,
    signer,
    certificate,
    ledger,
    validitySeconds: hour,
    clock: () => now,
  });
});

function pass(seconds: number): void {
  now = new Date(now.getTime() + seconds * 1000);
}

async function issue(): Promise<string> {
  return (await authority.issue(makePlan())).serialNumber;
}

function revoke(serialNumber: string) {
  return authority.revoke(serialNumber, { reason: 'keyCompromise', at: now, by: 'test' });
}

const ask = (ids: readonly Uint8Array[], nonce?: Uint8Array) =>
  responder.answer({
    ...readOcspRequest(ocspRequest(ids)),
    ...(nonce ? { nonce } : {}),
  });

async function answerFor(serialNumber: string): Promise<OcspAnswer> {
  const answer = await ask([certificateId(issuing, serialNumber)]);
  assert.ok(answer);
  return answer;
}

describe('the status of a certificate', () => {
  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const)
    test(`by a CertID of ${hash}, which the answer repeats`, async () => {
      const id = certificateId(issuing, await issue(), hash);
      const answer = await ask([id]);
      assert.deepEqual(answer?.statuses, ['good']);
      assert.ok(octetsKey(answer?.der ?? id).includes(octetsKey(id)));
    });

  test('is revoked from the next question on, with time and reason', async () => {
    const serial = await issue();
    assert.deepEqual((await answerFor(serial)).statuses, ['good']);
    await revoke(serial);
    const { statuses, der } = await answerFor(serial);
    assert.deepEqual(statuses, ['revoked']);
    const digits = now.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '');
    const time = `180f${Buffer.from(`${digits}Z`).toString('hex')}`;
    assert.ok(octetsKey(der).includes(`a116${time}a0030a0101`), 'keyCompromise');
  });

  test('is revoked while it is on hold, and good again after the release', async () => {
    const serial = await issue();
    const [key, record] = [...ledger.records].find(([, r]) => r.serialNumber === serial) ?? [];
    assert.ok(key && record);
    ledger.records.set(key, { ...record, revokedAt: now, revocationReason: 'certificateHold' });
    const { statuses, der } = await answerFor(serial);
    assert.deepEqual(statuses, ['revoked']);
    assert.ok(octetsKey(der).includes('a0030a0106'), 'certificateHold');
    ledger.records.set(key, record);
    assert.deepEqual((await answerFor(serial)).statuses, ['good']);
  });

  test('is unknown where nobody issued it, and where an intent never became one', async () => {
    assert.deepEqual((await answerFor('0102')).statuses, ['unknown']);
    const serial = await issue();
    const [key, record] = [...ledger.records].find(([, r]) => r.serialNumber === serial) ?? [];
    assert.ok(key && record?.certificate);
    const { certificate: _, issuedAt: __, ...intent } = record;
    ledger.records.set(key, intent as typeof record);
    assert.deepEqual((await answerFor(serial)).statuses, ['unknown']);
    await revoke(serial);
    assert.deepEqual((await answerFor(serial)).statuses, ['revoked']);
    ledger.records.set(key, record);
    assert.deepEqual((await answerFor(serial)).statuses, ['good']);
  });

  test('of another issuer: no answer, or unknown beside one of ours', async () => {
    const serial = await issue();
    const foreign = certificateId(elsewhere.issuing, serial);
    assert.equal(await ask([foreign]), undefined);
    const otherKey = { ...issuing, subjectPublicKey: elsewhere.issuing.subjectPublicKey };
    assert.equal(await ask([certificateId(otherKey, serial)]), undefined);
    const otherName = { ...issuing, subject: ca.root.subject };
    assert.equal(await ask([certificateId(otherName, serial)]), undefined);
    assert.equal(signed, 0);
    const ours = certificateId(issuing, serial);
    assert.deepEqual((await ask([foreign, ours]))?.statuses, ['unknown', 'good']);
  });
});

test('the key that signs answers names itself and comes with its certificate', async () => {
  const { der } = await answerFor(await issue());
  const responderId = `a2160414${octetsKey(keyIdentifierOf(certificate.subjectPublicKey))}`;
  assert.ok(octetsKey(der).includes(responderId));
  assert.ok(octetsKey(der).includes(octetsKey(certificate.der)));
});

describe('an answer', () => {
  test('serves again for half of its life', async () => {
    const serial = await issue();
    const first = await answerFor(serial);
    assert.equal(first.nextUpdate.getTime() - first.thisUpdate.getTime(), hour * 1000);
    assert.equal(first.thisUpdate.getMilliseconds(), 0);
    pass(hour / 2 - 1);
    assert.equal(await answerFor(serial), first);
    pass(1);
    const next = await answerFor(serial);
    assert.ok(next.thisUpdate > first.thisUpdate);
    assert.equal(signed, 2);
  });

  test('is signed once for all who ask at the same time', async () => {
    const serial = await issue();
    await Promise.all(Array.from({ length: 50 }, () => answerFor(serial)));
    assert.equal(signed, 1);
  });

  test('of what is unknown is not kept', async () => {
    await answerFor('0102');
    await answerFor('0102');
    assert.equal(signed, 2);
  });

  test('with a nonce is for one question, and says it', async () => {
    const id = certificateId(issuing, await issue());
    const kept = await ask([id]);
    const nonce = Buffer.from('0123456789abcdef0123456789abcdef');
    const [answer] = await Promise.all([ask([id], nonce), ask([id], nonce)]);
    assert.equal(signed, 3);
    assert.ok(octetsKey(answer?.der ?? id).includes(`0420${nonce.toString('hex')}`));
    assert.equal(await ask([id]), kept);
  });

  test('is kept with two thousand others at most', async () => {
    const serial = await issue();
    const first = await answerFor(serial);
    const key = [...ledger.records.keys()].at(-1);
    const record = ledger.records.get(key ?? '');
    assert.ok(key && record);
    for (let i = 0; i < 2000; i++) {
      const other = `01${i.toString(16).padStart(6, '0')}`;
      ledger.records.set(key.replace(serial, other), { ...record, serialNumber: other });
      await answerFor(other);
    }
    assert.notEqual(await answerFor(serial), first);
  });
});

describe('without a signature there is no answer', () => {
  test('while the key is out of reach, and then there is one again', async () => {
    const serial = await issue();
    signer.available = false;
    await assert.rejects(answerFor(serial), { name: 'SignerUnavailable' });
    signer.available = true;
    assert.deepEqual((await answerFor(serial)).statuses, ['good']);
  });

  test('nor where more ask than the token should be kept busy with', async () => {
    const id = certificateId(issuing, await issue());
    const nonce = Buffer.alloc(16);
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const sign = signer.sign.bind(signer);
    signer.sign = (toBeSigned) => gate.then(() => sign(toBeSigned));
    const some = Array.from({ length: 504 }, () => ask([id], nonce));
    // Were it let in, it would get its answer with the others.
    setImmediate(open);
    await assert.rejects(ask([id], nonce), { name: 'Unavailable' });
    assert.equal((await Promise.all(some)).length, 504);
  });

  test('none is valid longer than the certificate of the key', async () => {
    const serial = await issue();
    now = new Date(certificate.notAfter.getTime() - 60_000);
    const { nextUpdate } = await answerFor(serial);
    assert.deepEqual(nextUpdate, certificate.notAfter);
    now = certificate.notAfter;
    await assert.rejects(answerFor(serial), { message: /OCSP certificate has expired/ });
  });

  test('a wrong signature is not given away', async () => {
    signer.distort = (signature) => signature.reverse();
    await assert.rejects(answerFor(await issue()), { name: 'SignatureFault' });
  });
});
