import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  makePlan,
  makePublicKey,
  makeSoftwareCa,
  type SoftwareCa,
} from '../test/support/software-ca.ts';
import { SoftwareSigner } from '../test/support/software-signer.ts';
import type { CaCertificate } from './ca-chain.ts';
import { checkCertificate, type IntendedCertificate } from './check-certificate.ts';
import { CertificateComposer } from './compose-certificate.ts';
import { encode, encodeBitString, readDer, tags } from './der.ts';
import { makeSerialNumber } from './serial-number.ts';
import { SignatureFault, signStructure } from './sign-structure.ts';

let ca: SoftwareCa;
let other: SoftwareCa;
let intended: IntendedCertificate;
let signed: Uint8Array;
before(async () => {
  [ca, other] = [await makeSoftwareCa(), await makeSoftwareCa({ commonName: 'Other CA' })];
  const plan = makePlan();
  const serialNumber = makeSerialNumber(1);
  const now = Math.floor(Date.now() / 1000) * 1000;
  const toBeSigned = composerOf(ca.issuing).compose(plan, serialNumber, {
    notBefore: new Date(now),
    notAfter: new Date(now + 86_400_000),
  });
  intended = { toBeSigned, serialNumber, publicKey: plan.publicKey };
  signed = await signStructure(toBeSigned, ca.signer);
});

function composerOf({ subject, keyIdentifier }: CaCertificate): CertificateComposer {
  const issuer = { subject, keyIdentifier, algorithm: 'ecdsa-with-SHA256' } as const;
  return new CertificateComposer(makePlan().profile, issuer);
}

function flipped(octets: Uint8Array, at = octets.length - 1): Uint8Array {
  const copy = Uint8Array.from(octets);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('what the signer returns is verified before it is a certificate', () => {
  const faults: Record<string, (signature: Buffer) => Uint8Array> = {
    'one bit is wrong': (signature) => flipped(signature),
    'it is empty': () => new Uint8Array(),
    'it is zeros': ({ length }) => new Uint8Array(length),
    'it has an octet more': (signature) => Buffer.concat([signature, Uint8Array.of(0)]),
    'it is r || s as PKCS#11 has it': () => new Uint8Array(64).fill(1),
  };
  for (const [what, distort] of Object.entries(faults))
    test(what, async () => {
      const signer = new SoftwareSigner('P-256');
      signer.distort = distort;
      await assert.rejects(signStructure(intended.toBeSigned, signer), SignatureFault);
    });

  test('it was made over other octets', async () => {
    const signer = new SoftwareSigner('P-256');
    const old = await signer.sign(Uint8Array.of(0x30, 0));
    signer.distort = () => old;
    await assert.rejects(signStructure(intended.toBeSigned, signer), SignatureFault);
  });

  test('it was made by another key', async () => {
    const [signer, another] = [new SoftwareSigner('P-256'), new SoftwareSigner('P-256')];
    signer.sign = (toBeSigned) => another.sign(toBeSigned);
    await assert.rejects(signStructure(intended.toBeSigned, signer), SignatureFault);
  });

  for (const type of ['P-256', 'P-384', 'RSA-3072'] as const)
    test(`a key of ${type}, one bit`, async () => {
      const signer = new SoftwareSigner(type);
      await signStructure(intended.toBeSigned, signer);
      signer.distort = (signature) => flipped(signature);
      await assert.rejects(signStructure(intended.toBeSigned, signer), SignatureFault);
    });
});

test('a certificate that is what was intended passes', () => {
  assert.equal(checkCertificate(signed, intended, ca.issuing).serialNumber, intended.serialNumber);
});

describe('a certificate that differs from its record is not released', () => {
  const rows: [what: string, IntendedChange, message: RegExp][] = [
    [
      'in what was signed',
      () => ({ intended: { ...intended, toBeSigned: flipped(intended.toBeSigned) } }),
      /to-be-signed octets/,
    ],
    [
      'in its serial number',
      () => ({ intended: { ...intended, serialNumber: makeSerialNumber(1) } }),
      /serial number/,
    ],
    [
      'in its issuer',
      () => ({ issuer: { ...ca.issuing, subject: other.issuing.subject } }),
      /issuer/,
    ],
    [
      'in its public key',
      () => ({ intended: { ...intended, publicKey: makePublicKey() } }),
      /public key/,
    ],
    [
      'in the key its identifier is made of',
      () => ({
        intended: {
          ...intended,
          publicKey: {
            ...intended.publicKey,
            subjectPublicKey: flipped(intended.publicKey.subjectPublicKey),
          },
        },
      }),
      /subjectKeyIdentifier/,
    ],
    [
      'in that it begins before its issuer',
      () => ({ issuer: { ...ca.issuing, notBefore: new Date(Date.now() + 60_000) } }),
      /notBefore/,
    ],
    [
      'in that it ends after its issuer',
      () => ({ issuer: { ...ca.issuing, notAfter: new Date(Date.now() + 60_000) } }),
      /notAfter/,
    ],
  ];
  for (const [what, change, message] of rows)
    test(what, () => {
      const changed = { intended, issuer: ca.issuing, ...change() };
      assert.throws(() => checkCertificate(signed, changed.intended, changed.issuer), {
        name: 'CertificateMismatch',
        message,
      });
    });

  test('in any octet of what was signed', () => {
    const start = Buffer.from(signed).indexOf(intended.toBeSigned);
    for (let at = start; at < start + intended.toBeSigned.length; at++)
      assert.throws(() => checkCertificate(flipped(signed, at), intended, ca.issuing));
  });

  test('in its outer algorithm', () => {
    const [tbs, , signature] = readDer(signed).children;
    const sha384 = Buffer.from('300a06082a8648ce3d040303', 'hex');
    const parts = [tbs?.bytes, sha384, signature?.bytes].map((part) => part ?? new Uint8Array());
    assert.throws(() => checkCertificate(encode(tags.sequence, ...parts), intended, ca.issuing), {
      name: 'CertificateError',
    });
  });

  test('in an octet after its end', () => {
    const longer = Buffer.concat([signed, Uint8Array.of(0)]);
    assert.throws(() => checkCertificate(longer, intended, ca.issuing), { name: 'DerError' });
  });

  test('in that it ends before it begins', async () => {
    const plan = makePlan();
    const now = Math.floor(Date.now() / 1000) * 1000;
    const moment = { notBefore: new Date(now), notAfter: new Date(now) };
    const toBeSigned = composerOf(ca.issuing).compose(plan, intended.serialNumber, moment);
    const record = { ...intended, toBeSigned, publicKey: plan.publicKey };
    const certificate = await signStructure(toBeSigned, ca.signer);
    assert.throws(() => checkCertificate(certificate, record, ca.issuing), { message: /notAfter/ });
  });

  test('in a fourth element', () => {
    const surplus = encode(
      tags.sequence,
      readDer(signed).content,
      encodeBitString(new Uint8Array()),
    );
    assert.throws(() => checkCertificate(surplus, intended, ca.issuing), {
      name: 'CertificateError',
    });
  });
});

type IntendedChange = () => { intended?: IntendedCertificate; issuer?: CaCertificate };
