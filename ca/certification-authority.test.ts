import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan } from '../test/support/software-ca.ts';
import { SoftwareSigner } from '../test/support/software-signer.ts';
import { makeCaCertificate, signCaCertificate } from './ca-certificate.ts';
import { type CaCertificate, endOfChain, readCaChain } from './ca-chain.ts';
import {
  activateRoot,
  addRoot,
  type CaState,
  finishRoot,
  type IssuingKeyState,
  type RootKeyState,
} from './ca-state.ts';
import { readCertificate } from './certificate.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { issuingCaProfile, rootCaProfile } from './certificate-profile.ts';
import {
  issuingKeyOf,
  readCertificationAuthority,
  requireActive,
} from './certification-authority.ts';
import { encodeSubject } from './distinguished-name.ts';
import { makeRootLinks } from './root-links.ts';

const base64 = (octets: Uint8Array) => Buffer.from(octets).toString('base64');
const rootName = encodeSubject({ commonName: 'Test Root CA' });

interface Root {
  readonly signer: SoftwareSigner;
  readonly certificate: CaCertificate;
}

async function makeRoot(endsAfter?: Date): Promise<Root> {
  const signer = new SoftwareSigner('P-256');
  const certificate = await makeCaCertificate({
    profile: rootCaProfile,
    subject: rootName,
    publicKey: signer.publicKey,
    signer,
    now: new Date(),
    ...(endsAfter ? { endsAfter } : {}),
  });
  return { signer, certificate };
}

interface Issuing extends Root {
  readonly key: IssuingKeyState;
}

async function makeIssuing(
  root: Root,
  generation: number,
  state: 'active' | 'next',
  commonName = 'Test Issuing CA',
): Promise<Issuing> {
  const signer = new SoftwareSigner('P-256');
  const certificate = await makeCaCertificate({
    profile: issuingCaProfile,
    commonName,
    publicKey: signer.publicKey,
    signer: root.signer,
    issuer: root.certificate,
    now: new Date(),
  });
  const key: IssuingKeyState = {
    label: `main-${generation}`,
    keyType: 'P-256',
    publicKey: base64(signer.publicKey),
    generation,
    state,
    certificate: base64(certificate.der),
    above: [base64(root.certificate.der)],
    delegated: {},
  };
  return { signer, certificate, key };
}

const rootKey = ({ signer, certificate }: Root, generation: number): RootKeyState => ({
  label: `root-${generation}`,
  keyType: 'P-256',
  publicKey: base64(signer.publicKey),
  generation,
  state: generation === 1 ? 'active' : 'next',
  certificate: base64(certificate.der),
});

const old = await makeRoot();
const next = await makeRoot(old.certificate.notAfter);
const { oldWithNew, newWithOld } = await makeRootLinks(old, next);
const first = await makeIssuing(old, 1, 'active');
// Another CA may well give the next key the same name.
const second = await makeIssuing(next, 2, 'next');

const begun: CaState = {
  root: { token: 'default', keys: [rootKey(old, 1)] },
  issuers: [{ name: 'main', token: 'default', keys: [first.key] }],
};
const started = addRoot(begun, {
  key: {
    ...rootKey(next, 2),
    links: { oldWithNew: base64(oldWithNew.der), newWithOld: base64(newWithOld.der) },
  },
  issuing: new Map([['main', second.key]]),
});
const activated = activateRoot(started);

const read = (state: CaState) => readCertificationAuthority({ version: 1, state });
const names = new Map(
  Object.entries({ old, next, first, second }).map(([name, { certificate }]) => [
    base64(certificate.der),
    name,
  ]),
);
names.set(base64(oldWithNew.der), 'oldWithNew').set(base64(newWithOld.der), 'newWithOld');
const announced = (state: CaState) =>
  read(state).issuers[0]?.announced.map(({ der }) => names.get(base64(der)));

describe('what /cacerts gives (RFC 7030 section 4.1.3)', () => {
  test('before a rollover: the chain', () => {
    assert.deepEqual(announced(begun), ['old', 'first']);
  });

  test('during it: both chains and both links, the active chain first', () => {
    const links = ['oldWithNew', 'newWithOld'];
    assert.deepEqual(announced(started), ['old', 'first', 'next', 'second', ...links]);
    assert.deepEqual(announced(activated), ['next', 'second', 'old', 'first', ...links]);
  });

  test('after it: the new chain alone', () => {
    assert.deepEqual(announced(finishRoot(activated)), ['next', 'second']);
    assert.deepEqual(read(finishRoot(activated)).links, []);
  });
});

test('the active key is the one that issues, and every other one still answers', () => {
  assert.equal(requireActive(read(started)).generation, 1);
  assert.equal(requireActive(read(activated)).generation, 2);
  const { issuers } = read(finishRoot(activated));
  assert.deepEqual(
    issuers[0]?.keys.map(({ generation, state }) => [generation, state]),
    [
      [1, 'finished'],
      [2, 'active'],
    ],
  );
});

async function issue({ certificate: issuer, signer }: Issuing, ends?: Date) {
  const authority = new CertificateAuthority({
    issuer,
    signer,
    ledger: memoryLedger(),
    serialPrefix: 1,
    ...(ends ? { ends } : {}),
  });
  return readCertificate((await authority.issue(makePlan())).certificate);
}

test('a certificate is of the key that signed it, whatever names the keys have', async () => {
  const ca = read(activated);
  assert.equal(issuingKeyOf(ca, await issue(first))?.generation, 1);
  assert.equal(issuingKeyOf(ca, await issue(second))?.generation, 2);
  const stranger = await makeIssuing(next, 3, 'next');
  assert.equal(issuingKeyOf(ca, await issue(stranger)), undefined);
});

test('nothing outlives the first certificate of the chain to end (ROL-10)', async () => {
  const signer = new SoftwareSigner('P-256');
  const soon = new Date(Math.floor(Date.now() / 1000) * 1000 + 86_400_000);
  const root = await signCaCertificate({
    profile: rootCaProfile,
    subject: rootName,
    publicKey: signer.publicKey,
    signer,
    notBefore: old.certificate.notBefore,
    notAfter: soon,
  });
  // As another CA may have done it: its own root ends before what it signs.
  const issuing = await signCaCertificate({
    profile: issuingCaProfile,
    subject: first.certificate.subject,
    publicKey: first.signer.publicKey,
    signer,
    issuer: { ...root, notAfter: old.certificate.notAfter },
    notBefore: old.certificate.notBefore,
    notAfter: old.certificate.notAfter,
  });
  const chain = readCaChain({ issuing: issuing.der, above: [root.der] });
  assert.deepEqual(endOfChain(chain), soon);
  const device = await issue({ ...first, certificate: issuing }, endOfChain(chain));
  assert.deepEqual(device.notAfter, soon);
  assert.ok((await issue({ ...first, certificate: issuing })).notAfter > soon);
});

test('a certificate over another key than the one on record is none of this issuer', async () => {
  const root = await makeRoot();
  const { key } = await makeIssuing(root, 1, 'active');
  const { key: other } = await makeIssuing(root, 2, 'next');
  const read = (each: IssuingKeyState) =>
    readCertificationAuthority({
      version: 1,
      state: { issuers: [{ name: 'main', token: 'default', keys: [each] }] },
    });
  assert.equal(requireActive(read(key)).generation, 1);
  assert.throws(
    () => read({ ...key, publicKey: other.publicKey }),
    /is over another key than its own/,
  );
});
