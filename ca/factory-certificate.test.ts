import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, describe, test } from 'node:test';
import type { CertificateParts } from '../test/support/forged-certificate.ts';
import {
  at,
  basicConstraints,
  extension,
  extKeyUsage,
  type ForgedCa,
  forever,
  forgeCa,
  forgeDevice,
  keyUsage,
} from '../test/support/forged-factory.ts';
import { algorithm, commonName, sequence, spkiOf } from '../test/support/forged-request.ts';
import type { Certificate } from './certificate.ts';
import { CertificateError, readCertificate } from './certificate.ts';
import { encode, tags } from './der.ts';
import { FactoryCertificate, validateFactoryCertificate } from './factory-certificate.ts';
import { longestPath } from './path-validation/find-paths.ts';
import type { PathFaultCode } from './path-validation/path-fault.ts';
import { readTrustAnchor } from './path-validation/trust-anchor.ts';

const now = new Date('2026-06-01T00:00:00Z');

async function verdictOf(
  der: Uint8Array,
  {
    sent = [],
    anchors,
    stored = [],
  }: { sent?: Uint8Array[]; anchors: ForgedCa[]; stored?: ForgedCa[] },
  time = now,
) {
  const trust = {
    anchors: anchors.map((each) => readTrustAnchor(each.der)),
    intermediates: stored.map((each) => readCertificate(each.der)),
  };
  const verdict = await validateFactoryCertificate(der, sent, trust, time);
  return verdict.valid ? ('good' as const) : verdict.fault.code;
}

describe('a factory certificate', () => {
  let root: ForgedCa;
  let between: ForgedCa;
  before(async () => {
    root = await forgeCa('Maker Root');
    between = await forgeCa('Maker Devices', root);
  });

  test('without an end, by an intermediate that it sends or that is stored', async () => {
    const { der } = await forgeDevice('1', between);
    assert.equal(await verdictOf(der, { sent: [between.der], anchors: [root] }), 'good');
    assert.equal(await verdictOf(der, { stored: [between], anchors: [root] }), 'good');
    assert.equal(await verdictOf(der, { sent: [root.der, between.der], anchors: [root] }), 'good');
    assert.equal(await verdictOf(der, { anchors: [root] }), 'no-trust-anchor');
    assert.equal(await verdictOf(der, { anchors: [between] }), 'good');
    const late = new Date('9999-12-31T23:59:59Z');
    assert.equal(await verdictOf(der, { anchors: [between] }, late), 'good');
  });

  test('names its anchor and its issuers', async () => {
    const { der } = await forgeDevice('1', between);
    const trust = { anchors: [readTrustAnchor(root.der)], intermediates: [] };
    const verdict = await validateFactoryCertificate(der, [between.der], trust, now);
    assert.ok(verdict.valid);
    const { issuers, notAfter } = verdict.certificate;
    assert.deepEqual(issuers, ['commonName=Maker Devices', 'commonName=Maker Root']);
    assert.equal(notAfter.toISOString(), '9999-12-31T23:59:59.000Z');
  });

  test('is no certificate of ours, to the compiler either', () => {
    const renew = (certificate: Certificate) => certificate.der;
    const isFactory = (value: unknown): value is FactoryCertificate =>
      value instanceof FactoryCertificate;
    const presented: unknown = {};
    // @ts-expect-error where one of ours is asked for, a factory certificate does not do
    if (isFactory(presented)) renew(presented);
    const ours = { der: new Uint8Array() } as Certificate;
    // @ts-expect-error and the other way round
    const factory: FactoryCertificate = ours;
    assert.ok(factory);
  });

  const rsa1024 = () => spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey);
  const unknownCritical = extension('subjectInfoAccess', sequence(), true);
  const names = extension('nameConstraints', sequence(), true);
  const policies = extension('policyConstraints', sequence(), true);
  const sha1 = algorithm('1.2.840.10045.4.1');

  const devices: Record<string, [PathFaultCode | 'good', CertificateParts]> = {
    'that has ended': ['expired', { notAfter: at(2021) }],
    'that has not begun': ['not-yet-valid', { notBefore: at(2027) }],
    'that is a CA': ['ca-certificate', { extensions: [basicConstraints()] }],
    'that may not sign': ['key-usage', { extensions: [keyUsage(0x20)] }],
    'for servers alone': ['extended-key-usage', { extensions: [extKeyUsage('serverAuth')] }],
    'for clients': ['good', { extensions: [extKeyUsage('serverAuth', 'clientAuth')] }],
    'for anything': ['good', { extensions: [extKeyUsage('anyExtendedKeyUsage')] }],
    'without extensions': ['good', { extensions: [] }],
    'with an unknown critical extension': [
      'unknown-critical-extension',
      { extensions: [unknownCritical] },
    ],
    'with name constraints': ['unknown-critical-extension', { extensions: [names] }],
    'signed with SHA-1': ['weak-signature', { innerAlgorithm: sha1, outerAlgorithm: sha1 }],
    'of a short RSA key': ['weak-key', { publicKey: rsa1024() }],
    'whose signature is another': [
      'bad-signature',
      { signer: { sign: async () => encode(tags.sequence) } },
    ],
    'that is no certificate': ['malformed', { version: null }],
  };
  for (const [what, [expected, parts]] of Object.entries(devices))
    test(`${what}: ${expected}`, async () => {
      const { der } = await forgeDevice('1', between, parts);
      assert.equal(await verdictOf(der, { sent: [between.der], anchors: [root] }), expected);
    });

  const cas: Record<string, [PathFaultCode | 'good', CertificateParts]> = {
    'has ended': ['expired', { notAfter: at(2021) }],
    'has not begun': ['not-yet-valid', { notBefore: at(2027) }],
    'is no CA': ['not-a-ca', { extensions: [keyUsage(0x06)] }],
    'may not sign certificates': [
      'key-usage',
      { extensions: [basicConstraints(), keyUsage(0x02)] },
    ],
    'says nothing of its key': ['good', { extensions: [basicConstraints()] }],
    'constrains names': ['name-constraints', { extensions: [basicConstraints(), names] }],
    'demands policies': ['policy-constraints', { extensions: [basicConstraints(), policies] }],
    'is for servers alone': [
      'extended-key-usage',
      { extensions: [basicConstraints(), extKeyUsage('serverAuth')] },
    ],
    'has an unknown critical extension': [
      'unknown-critical-extension',
      { extensions: [basicConstraints(), unknownCritical] },
    ],
    'is signed with SHA-1': ['weak-signature', { innerAlgorithm: sha1, outerAlgorithm: sha1 }],
    'is not signed by its issuer': [
      'bad-signature',
      { signer: { sign: async () => Buffer.alloc(9) } },
    ],
    'has a short RSA key': ['weak-key', { publicKey: rsa1024() }],
  };
  for (const [what, [expected, parts]] of Object.entries(cas))
    test(`whose intermediate ${what}: ${expected}`, async () => {
      const poor = await forgeCa('Poor CA', root, parts);
      const { der } = await forgeDevice('1', poor);
      assert.equal(await verdictOf(der, { sent: [poor.der], anchors: [root] }), expected);
    });

  test('of a device that plays the CA', async () => {
    const own = await forgeCa('Pump', between, { extensions: [keyUsage(0x80)] });
    const { der } = await forgeDevice('1', own);
    const sent = [own.der, between.der];
    assert.equal(await verdictOf(der, { sent, anchors: [root] }), 'not-a-ca');
  });

  test('whose issuer has but the name of one', async () => {
    const impostor = await forgeCa('Maker Devices');
    const { der } = await forgeDevice('1', impostor);
    const trust = { sent: [between.der], anchors: [root] };
    assert.equal(await verdictOf(der, trust), 'bad-signature');
    const { der: top } = await forgeDevice('1', await forgeCa('Maker Root'));
    assert.equal(await verdictOf(top, trust), 'bad-signature');
  });

  test('with more CAs than one above allows', async () => {
    const strict = await forgeCa('Strict', root, { extensions: [basicConstraints(0)] });
    const below = await forgeCa('Below', strict);
    const { der } = await forgeDevice('1', below);
    const sent = [below.der, strict.der];
    assert.equal(await verdictOf(der, { sent, anchors: [root] }), 'path-too-long');
    assert.equal(await verdictOf(der, { sent, anchors: [strict] }), 'path-too-long');
    const { der: directly } = await forgeDevice('1', strict);
    assert.equal(await verdictOf(directly, { sent, anchors: [root] }), 'good');
  });

  test('of a CA that changed its key takes no place in the count', async () => {
    const strict = await forgeCa('Strict', root, { extensions: [basicConstraints(0)] });
    const next = await forgeCa('Strict', strict);
    const { der } = await forgeDevice('1', next);
    const sent = [next.der, strict.der];
    assert.equal(await verdictOf(der, { sent, anchors: [root] }), 'good');
  });

  test('on a path that is longer than any', async () => {
    const cas = [root];
    for (let i = 1; i <= longestPath; i++) cas.push(await forgeCa(`CA ${i}`, cas.at(-1)));
    const sent = cas.slice(1).map(({ der }) => der);
    const [, ...below] = cas;
    const fits = below.at(-2);
    const tooDeep = below.at(-1);
    assert.ok(fits && tooDeep);
    const trust = { sent, anchors: [root] };
    assert.equal(await verdictOf((await forgeDevice('1', fits)).der, trust), 'good');
    assert.equal(await verdictOf((await forgeDevice('1', tooDeep)).der, trust), 'no-trust-anchor');
  });

  test('whose anchor has ended', async () => {
    const old = await forgeCa('Old Root', undefined, { notAfter: at(2021) });
    const { der } = await forgeDevice('1', old);
    assert.equal(await verdictOf(der, { anchors: [old] }), 'expired');
  });

  test('among CAs that certify each other in a ring ends', async () => {
    const ring: ForgedCa[] = [];
    for (let i = 0; i < 40; i++)
      ring.push(await forgeCa('Ring', { ...root, name: 'Ring' }, { notAfter: forever }));
    const lost = await forgeDevice('1', { ...root, name: 'Ring' });
    const started = performance.now();
    assert.equal(await verdictOf(lost.der, { stored: ring, anchors: [root] }), 'no-trust-anchor');
    assert.ok(performance.now() - started < 1000);
  });

  test('is found among others that cannot be read, by a key identifier', async () => {
    const keyId = (octets: Uint8Array) => encode(tags.octetString, octets);
    const subjectKey = (octets: Uint8Array) => extension('subjectKeyIdentifier', keyId(octets));
    const named = await forgeCa('Twin', root, {
      extensions: [basicConstraints(), subjectKey(Uint8Array.of(1))],
    });
    const twin = await forgeCa('Twin', root, {
      extensions: [basicConstraints(), subjectKey(Uint8Array.of(2))],
    });
    const authority = extension('authorityKeyIdentifier', sequence(encode(0x80, Uint8Array.of(1))));
    const { der } = await forgeDevice('1', named, { extensions: [authority] });
    const sent = [Buffer.from('no certificate'), twin.der, named.der];
    assert.equal(await verdictOf(der, { sent, anchors: [root] }), 'good');
    assert.equal(
      await verdictOf(der, { sent: [twin.der], anchors: [root] }),
      'no-trust-anchor',
      'the one of another key is not even tried',
    );
  });
});

describe('what can be no trust anchor', () => {
  const cases: Record<string, [RegExp, CertificateParts]> = {
    'a device': [/none: its basicConstraints/, { extensions: [keyUsage(0x80)] }],
    'one that constrains names': [
      /nameConstraints/,
      { extensions: [basicConstraints(), extension('nameConstraints', sequence(), true)] },
    ],
    'one with a malformed extension': [
      /malformed/,
      { extensions: [basicConstraints(), extension('subjectKeyIdentifier', Buffer.from('x'))] },
    ],
    'one of a weak key': [
      /does not do/,
      { publicKey: spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey) },
    ],
  };
  for (const [what, [sentence, parts]] of Object.entries(cases))
    test(what, async () => {
      const { der } = await forgeCa('No Anchor', undefined, parts);
      assert.throws(
        () => readTrustAnchor(der),
        (error) => error instanceof CertificateError && sentence.test(error.message),
      );
    });

  test('more octets than a certificate has', () => {
    assert.throws(() => readTrustAnchor(Buffer.alloc(1 << 15, 0x30)), /more than 16384 octets/);
  });
});

test('a name in no known string type does not keep a sentence from being said', async () => {
  const odd = await forgeCa('Odd', undefined, {
    subject: commonName('Odd', tags.teletexString),
    issuer: commonName('Odd', tags.teletexString),
    notAfter: at(2021),
  });
  const device = await forgeDevice('1', odd, { issuer: commonName('Odd', tags.teletexString) });
  assert.equal(await verdictOf(device.der, { anchors: [odd] }), 'expired');
});
