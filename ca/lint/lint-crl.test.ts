import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  algorithm,
  enumerated,
  extension,
  integer,
  no,
  octets,
  sequence,
  text,
  uri,
  yes,
} from '../../test/support/der-parts.ts';
import { CrlEntries, composeCrl } from '../crl.ts';
import { encode, encodeBitString, encodeHead, encodeTime, readDer, tags } from '../der.ts';
import { encodeSubject } from '../distinguished-name.ts';
import { octetsKey, oid } from '../object-identifiers.ts';
import { crlIssuerRules, crlRules, lintCrl, requireWellFormedCrl } from './lint-crl.ts';

const signing = { critical: true, value: Uint8Array.of(3, 2, 1, 6) };
const issuer = {
  subject: encodeSubject({ commonName: 'Issuing CA' }),
  keyIdentifier: Buffer.alloc(20, 7),
  extensions: new Map([[octetsKey(oid.keyUsage), signing]]),
};

const number = '2.5.29.20';
const reason = (code: number, ...critical: Uint8Array[]) =>
  extension('2.5.29.21', enumerated(code), ...critical);
const invalidity = (date: Uint8Array, ...critical: Uint8Array[]) =>
  extension('2.5.29.24', date, ...critical);
const aDate = text(tags.generalizedTime, '20261101000000Z');
const serial = (last: number) => integer(0x41, ...Buffer.alloc(15, 1), last);
const revokedAt = text(tags.utcTime, '261122000000Z');
const entry = (last: number, ...extensions: Uint8Array[]) =>
  sequence(serial(last), revokedAt, ...(extensions.length > 0 ? [sequence(...extensions)] : []));
const point = (...fields: Uint8Array[]) => extension('2.5.29.28', sequence(...fields), yes);
const place = (...names: Uint8Array[]) => encode(0xa0, encode(0xa0, ...names));
const partition = place(uri('http://crl.example/1.crl'));
const onlyUsers = encode(0x81, Uint8Array.of(0xff));
const onlyCas = encode(0x82, Uint8Array.of(0xff));

interface Parts {
  version?: Uint8Array[];
  algorithm?: Uint8Array;
  issuer?: Uint8Array;
  thisUpdate?: Uint8Array;
  nextUpdate?: Uint8Array[];
  /** Absent: no revokedCertificates. */
  entries?: Uint8Array[];
  authorityKey?: Uint8Array[];
  number?: Uint8Array[];
  more?: Uint8Array[];
}

/** A good CRL, but for what is said. */
function toBeSigned(parts: Parts = {}): Uint8Array {
  return sequence(
    ...(parts.version ?? [integer(1)]),
    parts.algorithm ?? algorithm('1.2.840.10045.4.3.2'),
    parts.issuer ?? issuer.subject,
    parts.thisUpdate ?? text(tags.utcTime, '261123000000Z'),
    ...(parts.nextUpdate ?? [text(tags.utcTime, '261124000000Z')]),
    ...(parts.entries ? [sequence(...parts.entries)] : []),
    encode(
      0xa0,
      sequence(
        ...(parts.authorityKey ?? [
          extension('2.5.29.35', sequence(encode(0x80, issuer.keyIdentifier))),
        ]),
        ...(parts.number ?? [extension(number, integer(7))]),
        ...(parts.more ?? []),
      ),
    ),
  );
}

describe('a CRL without findings', () => {
  const fine: Record<string, Parts> = {
    'without entries': {},
    'with entries': { entries: [entry(1), entry(2, reason(1)), entry(3, reason(6))] },
    'with an invalidityDate': { entries: [entry(1, reason(4), invalidity(aDate))] },
    'that an unknown extension says more of': { more: [extension('1.2.3', sequence())] },
    'from 2050 on': {
      thisUpdate: encodeTime(new Date('2055-01-01T00:00:00Z')),
      nextUpdate: [encodeTime(new Date('2055-01-02T00:00:00Z'))],
      entries: [sequence(serial(1), text(tags.generalizedTime, '20520229235959Z'))],
    },
    'with a number of 20 octets': { number: [extension(number, integer(...Buffer.alloc(20, 1)))] },
    'of a partition': { more: [point(partition)] },
    'of the certificates of CAs': { more: [point(partition, onlyCas)] },
    'of the certificates of users, wherever': { more: [point(onlyUsers)] },
  };
  for (const [what, parts] of Object.entries(fine))
    test(what, async () => assert.deepEqual(await lintCrl(toBeSigned(parts), issuer), []));

  test('as it is composed', async () => {
    const revoked = (['unspecified', 'keyCompromise', 'certificateHold'] as const).map(
      (reasonName, place) => ({
        serialNumber: `41${String(place).repeat(30)}41`,
        revokedAt: new Date('2026-11-22T00:00:00Z'),
        reason: reasonName,
        invalidityDate: new Date('2026-11-21T00:00:00Z'),
      }),
    );
    for (const listed of [revoked, []])
      for (const scope of [{}, { distributionPoint: ['http://crl.example/1.crl'] }]) {
        const statement = {
          number: 300,
          thisUpdate: new Date('2026-11-23T00:00:00Z'),
          nextUpdate: new Date('2026-11-24T00:00:00Z'),
          ...scope,
        };
        const entries = new CrlEntries();
        entries.add(listed);
        const crl = Buffer.concat(composeCrl(statement, entries, issuer, 'Ed25519'));
        await requireWellFormedCrl(crl, issuer);
      }
  });
});

const shortEntry = (date: string) => [sequence(serial(1), text(tags.utcTime, date))];
const wrong: Record<string, [rule: string, parts: Parts]> = {
  'version 1': ['CRL-01', { version: [] }],
  'version 3': ['CRL-01', { version: [integer(2)] }],
  'ECDSA with NULL': ['CRT-36', { algorithm: algorithm('1.2.840.10045.4.3.2', encode(tags.null)) }],
  'no nextUpdate': ['CRL-02', { nextUpdate: [] }],
  'an end that is the beginning': ['CRL-02', { nextUpdate: [text(tags.utcTime, '261123000000Z')] }],
  'GeneralizedTime before 2050': [
    'CRL-03',
    { thisUpdate: text(tags.generalizedTime, '20261123000000Z') },
  ],
  'an end on 30 February': ['CRL-03', { nextUpdate: [text(tags.utcTime, '270230000000Z')] }],
  'revocation at 24 o’clock': ['CRL-03', { entries: shortEntry('261122240000Z') }],
  'revocation in a 61st second': ['CRL-03', { entries: shortEntry('261122000060Z') }],
  'revocation in a 13th month': ['CRL-03', { entries: shortEntry('261322000000Z') }],
  'revocation on a leap day that is none': ['CRL-03', { entries: shortEntry('270229000000Z') }],
  'revocation in another zone': ['CRL-03', { entries: shortEntry('261122000000A') }],
  'revocation on the leap day of 2100': [
    'CRL-03',
    { entries: [sequence(serial(1), text(tags.generalizedTime, '21000229000000Z'))] },
  ],
  'revocation without seconds': ['CRL-03', { entries: shortEntry('2611220000Z') }],
  'revocation by GeneralizedTime before 2050': [
    'CRL-03',
    { entries: [sequence(serial(1), text(tags.generalizedTime, '20261122000000Z'))] },
  ],
  'an entry without time': ['CRL-03', { entries: [sequence(serial(1))] }],
  'no authorityKeyIdentifier': ['CRL-04', { authorityKey: [] }],
  'the authorityKeyIdentifier of another': [
    'CRL-04',
    { authorityKey: [extension('2.5.29.35', sequence(encode(0x80, Buffer.alloc(20, 8))))] },
  ],
  'a critical authorityKeyIdentifier': [
    'CRL-04',
    { authorityKey: [extension('2.5.29.35', sequence(encode(0x80, issuer.keyIdentifier)), yes)] },
  ],
  'no cRLNumber': ['CRL-05', { number: [] }],
  'a critical cRLNumber': ['CRL-05', { number: [extension(number, integer(7), yes)] }],
  'a negative cRLNumber': ['CRL-05', { number: [extension(number, integer(0x80))] }],
  'a cRLNumber of 21 octets': [
    'CRL-05',
    { number: [extension(number, integer(...Buffer.alloc(21, 1)))] },
  ],
  'a cRLNumber that is none': ['CRL-05', { number: [extension(number, octets())] }],
  'an empty list': ['CRL-06', { entries: [] }],
  'a serial number of zero': ['CRL-ENTRY', { entries: [sequence(integer(0), revokedAt)] }],
  'a serial number with a zero before it': [
    'CRL-ENTRY',
    { entries: [sequence(integer(0, 1), revokedAt)] },
  ],
  'a negative serial number': ['CRL-ENTRY', { entries: [sequence(integer(0x81), revokedAt)] }],
  'a serial number of 21 octets': [
    'CRL-ENTRY',
    { entries: [sequence(integer(...Buffer.alloc(21, 1)), revokedAt)] },
  ],
  'an entry that is a SET': ['CRL-ENTRY', { entries: [encode(tags.set, serial(1), revokedAt)] }],
  'an entry with more in it': [
    'CRL-ENTRY',
    { entries: [sequence(serial(1), revokedAt, sequence(reason(1)), integer(1))] },
  ],
  'an entry whose extensions are empty': [
    'CRL-ENTRY',
    { entries: [sequence(serial(1), revokedAt, sequence())] },
  ],
  'a certificate twice': ['CRL-ORDER', { entries: [entry(1), entry(1, reason(1))] }],
  'entries out of order': ['CRL-ORDER', { entries: [entry(1), entry(3), entry(2)] }],
  'the reason unspecified': ['CRL-07', { entries: [entry(1), entry(2, reason(0))] }],
  'the reason 7': ['CRL-07', { entries: [entry(1, reason(7))] }],
  'the reason removeFromCRL': ['CRL-07', { entries: [entry(1, reason(8))] }],
  'the reason 11': ['CRL-07', { entries: [entry(1, reason(11))] }],
  'a critical reason': ['CRL-07', { entries: [entry(1, reason(1, yes))] }],
  'a reason that is an INTEGER': [
    'CRL-07',
    { entries: [entry(1, extension('2.5.29.21', integer(1)))] },
  ],
  'a reason of two octets': [
    'CRL-07',
    { entries: [entry(1, extension('2.5.29.21', enumerated(1, 1)))] },
  ],
  'another issuer': ['CRL-09', { issuer: encodeSubject({ commonName: 'issuing ca' }) }],
  'an issuingDistributionPoint that is not critical': [
    'CRL-10',
    { more: [extension('2.5.29.28', sequence(partition))] },
  ],
  'an empty issuingDistributionPoint': ['CRL-10', { more: [point()] }],
  'a partition without names': ['CRL-10', { more: [point(place())] }],
  'a partition by https': ['CRL-10', { more: [point(place(uri('https://crl.example/1.crl')))] }],
  'a partition by name': ['CRL-10', { more: [point(encode(0xa0, encode(0xa1)))] }],
  'two kinds of certificate, which are none': [
    'CRL-10',
    { more: [point(partition, onlyUsers, onlyCas)] },
  ],
  'a restriction that is no restriction': [
    'CRL-10',
    { more: [point(partition, encode(0x81, Uint8Array.of(0)))] },
  ],
  'a restriction that is TRUE in another way': [
    'CRL-10',
    { more: [point(partition, encode(0x81, Uint8Array.of(1)))] },
  ],
  'a restriction before the name': ['CRL-10', { more: [point(onlyUsers, partition)] }],
  'only some reasons': ['CRL-10', { more: [point(encode(0x83, Uint8Array.of(1, 2)))] }],
  'an indirect CRL': ['CRL-10', { more: [point(partition, encode(0x84, Uint8Array.of(0xff)))] }],
  'an invalidityDate in UTCTime': ['CRL-13', { entries: [entry(1, invalidity(revokedAt))] }],
  'an invalidityDate on 31 April': [
    'CRL-13',
    { entries: [entry(1, invalidity(text(tags.generalizedTime, '20260431000000Z')))] },
  ],
  'a critical invalidityDate': ['CRL-13', { entries: [entry(1, invalidity(aDate, yes))] }],
  'an extension twice': ['CRL-TWICE', { more: [extension(number, integer(8))] }],
  'an extension of an entry twice': ['CRL-TWICE', { entries: [entry(1, reason(1), reason(1))] }],
  'a delta CRL': ['CRL-CRITICAL', { more: [extension('2.5.29.27', integer(6), yes)] }],
  'an entry of another issuer': [
    'CRL-CRITICAL',
    { entries: [entry(1, extension('2.5.29.29', sequence(), yes))] },
  ],
  'an explicit default': ['DER-DEFAULT', { number: [extension(number, integer(7), no)] }],
  'an explicit default in an entry': ['DER-DEFAULT', { entries: [entry(1, reason(1, no))] }],
};

describe('findings', () => {
  const found = new Set<string>();

  for (const [what, [rule, parts]] of Object.entries(wrong))
    test(`${what}: ${rule}`, async () => {
      const findings = await lintCrl(toBeSigned(parts), issuer);
      assert.deepEqual([...new Set(findings.map((finding) => finding.rule))], [rule]);
      for (const { says } of findings) found.add(says);
    });

  test('a CA that may not sign CRLs: CRL-09', async () => {
    for (const extensions of [
      new Map(),
      new Map([[octetsKey(oid.keyUsage), { critical: true, value: Uint8Array.of(3, 2, 2, 4) }]]),
    ]) {
      const findings = await lintCrl(toBeSigned(), { ...issuer, extensions });
      assert.deepEqual(
        findings.map(({ rule }) => rule),
        ['CRL-09'],
      );
      for (const { says } of findings) found.add(says);
    }
  });

  test('of each rule', () => {
    const rules = [...crlRules, ...crlIssuerRules(issuer)];
    assert.deepEqual(
      rules.map(([, says]) => says).filter((says) => !found.has(says)),
      [],
    );
  });

  test('refuse the signature by their names', () =>
    assert.rejects(requireWellFormedCrl(toBeSigned({ version: [], entries: [] }), issuer), {
      name: 'LintFindings',
      message: /^The CRL would not be well-formed and is not signed\. CRL-01: .* CRL-06: /,
    }));
});

describe('what is no TBSCertList in DER', () => {
  const good = toBeSigned({ entries: [entry(1)] });
  const indefinite = Buffer.concat([
    Uint8Array.of(0x30, 0x80),
    good.subarray(3),
    Uint8Array.of(0, 0),
  ]);
  const padded = Buffer.concat([Uint8Array.of(0x30, 0x82, 0), good.subarray(2)]);
  const pieces: Record<string, Uint8Array> = {
    nothing: new Uint8Array(),
    'another type': encodeBitString(Buffer.alloc(3)),
    'an empty sequence': sequence(),
    'octets behind it': Buffer.concat([good, encode(tags.null)]),
    'an indefinite length': indefinite,
    'a padded length': padded,
    'an entry that ends too early': toBeSigned({ entries: [Uint8Array.of(0x30, 5, 2)] }),
    'a length of five octets': Uint8Array.of(0x30, 0x85, 1, 0, 0, 0, 0),
    'a value that is not DER': toBeSigned({
      number: [extension(number, Uint8Array.of(2, 2, 0, 1))],
    }),
    'extensions in an entry that are not DER': toBeSigned({
      entries: [entry(1, extension('2.5.29.21', Uint8Array.of(0x0a)))],
    }),
    'a part behind the extensions': sequence(
      toBeSigned().subarray(toBeSigned()[1] === 0x81 ? 3 : 2),
      encode(tags.null),
    ),
    'two lists of extensions': sequence(
      ...[integer(1), algorithm('1.3.101.112'), issuer.subject, revokedAt, revokedAt],
      encode(0xa0, sequence(extension(number, integer(1))), sequence()),
    ),
  };
  for (const [what, der] of Object.entries(pieces))
    test(what, async () =>
      assert.deepEqual(
        (await lintCrl(der, issuer)).map(({ rule }) => rule),
        ['DER'],
      ),
    );
});

test('a million entries, in bounded memory, and the one among them that stands twice', async () => {
  const count = 1_000_000;
  const one = entry(1, reason(1));
  const list = Buffer.alloc(count * one.length);
  for (let at = 0; at < count; at++) {
    list.set(one, at * one.length);
    list.writeUInt32BE(at, at * one.length + 6);
  }
  // Longer than `encode` encodes.
  const long = (content: Uint8Array) => [encodeHead(tags.sequence, content.length), content];
  const parts = readDer(toBeSigned({ entries: [] })).children.map(({ bytes }) => bytes);
  parts.splice(-2, 1, ...long(list));
  const crl = Buffer.concat(long(Buffer.concat(parts)));
  const resting = process.memoryUsage().heapUsed;
  assert.deepEqual(await lintCrl(crl, issuer), []);
  assert.ok(process.memoryUsage().heapUsed - resting < 20e6, 'it keeps no entries');
  const someone = crl.indexOf(list.subarray(0, one.length)) + 777_777 * one.length;
  crl.copy(crl, someone, someone + one.length, someone + 2 * one.length);
  assert.deepEqual(
    (await lintCrl(crl, issuer)).map(({ rule }) => rule),
    ['CRL-ORDER'],
  );
});
