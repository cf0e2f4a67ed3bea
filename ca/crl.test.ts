/**
 * CRLs as OpenSSL reads them, and what is not released.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { openssl, withFile } from '../test/support/est-client.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import type { CaCertificate } from './ca-chain.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { CrlMismatch, checkCrl } from './check-crl.ts';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import {
  CrlEntries,
  type CrlStatement,
  composeCrl,
  inSequence,
  type RevokedCertificate,
} from './crl.ts';
import { elementsIn, encode, encodeBitString, encodeOid, readDer, tags } from './der.ts';
import { encodeExtension } from './extensions/extension.ts';
import { oid } from './object-identifiers.ts';
import { signStructure } from './sign-structure.ts';

let ca: SoftwareCa;
before(async () => {
  ca = await makeSoftwareCa();
});

const now = new Date(Math.floor(Date.now() / 1000) * 1000);
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000);

const revokedBy = (reason: RevokedCertificate['reason'], i = 0): RevokedCertificate => ({
  serialNumber: `01${i.toString(16).padStart(34, '0')}`,
  revokedAt: inDays(-1),
  reason,
});
const oneOfEach = (
  [
    'unspecified',
    'keyCompromise',
    'affiliationChanged',
    'superseded',
    'cessationOfOperation',
    'privilegeWithdrawn',
    'certificateHold',
  ] as const
).map((reason, i) => revokedBy(reason, 16 * i));

interface Statement extends CrlStatement {
  readonly revoked: readonly RevokedCertificate[];
}

const saying = (changes: Partial<Statement> = {}): Statement => ({
  number: 1,
  thisUpdate: now,
  nextUpdate: inDays(7),
  revoked: [],
  ...changes,
});

/** In pages, as they come from a store. */
function entriesOf({ revoked }: Statement): CrlEntries {
  const entries = new CrlEntries();
  for (let at = 0; at < revoked.length; at += 3) entries.add(revoked.slice(at, at + 3));
  return entries;
}

const check = (crl: Uint8Array, statement: Statement, issuer: CaCertificate) =>
  checkCrl(crl, statement, entriesOf(statement).meaning(), issuer);

async function sign(statement: Statement, { issuing, signer }: SoftwareCa = ca) {
  const entries = entriesOf(statement);
  const toBeSigned = composeCrl(statement, entries, issuing, signer.algorithm);
  const crl = await signStructure(Buffer.concat(toBeSigned), signer);
  await checkCrl(crl, statement, entries.meaning(), issuing);
  return crl;
}

const pem = ({ der }: Pick<CaCertificate, 'der'>) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
const crlPem = (der: Uint8Array) => openssl(['crl', '-inform', 'DER'], der).toString();
const textOf = (crl: Uint8Array) =>
  openssl(['crl', '-inform', 'DER', '-noout', '-text'], crl).toString();

/** OpenSSL's word on the signature: it says so on standard error, and exits with 0 either way. */
function verdictOn(crl: Uint8Array, issuer: CaCertificate): string {
  return withFile(pem(issuer), (file) => {
    const args = ['crl', '-inform', 'DER', '-noout', '-CAfile', file, '-verify'];
    return spawnSync('openssl', args, { input: crl, timeout: 60_000 }).stderr.toString();
  });
}

describe('OpenSSL', () => {
  for (const type of ['P-256', 'P-384', 'RSA-3072'] as const)
    test(`verifies the signature of a CA with ${type}`, async () => {
      const made = await makeSoftwareCa({ type });
      const crl = await sign(saying({ revoked: oneOfEach }), made);
      assert.match(verdictOn(crl, made.issuing), /^verify OK\n$/);
      assert.match(verdictOn(crl, ca.issuing), /error|failure/);
    });

  test('reads version, number, issuer, times, and each entry with its reason', async () => {
    const text = textOf(await sign(saying({ number: 255, revoked: oneOfEach })));
    assert.match(text, /Version 2 \(0x1\)/);
    assert.match(text, /X509v3 CRL Number: \n +255\n/);
    assert.match(text, /Issuer: CN = Test Issuing CA/);
    const id = Buffer.from(ca.issuing.keyIdentifier).toString('hex').toUpperCase();
    assert.match(text, new RegExp(`Authority Key Identifier: \\n +${id.match(/../g)?.join(':')}`));
    assert.ok(!text.includes('critical'));
    const reasons = text
      .split('Serial Number: ')
      .slice(1)
      .map((entry) => /CRL Reason Code: \n +(.+)\n/.exec(entry)?.[1]);
    assert.deepEqual(reasons, [
      undefined,
      'Key Compromise',
      'Affiliation Changed',
      'Superseded',
      'Cessation Of Operation',
      'Privilege Withdrawn',
      'Certificate Hold',
    ]);
  });

  test('reads the scope, which is critical, by each of its addresses', async () => {
    const distributionPoint = ['http://new.example/crl/a/7.crl', 'http://old.example/crl/a/7.crl'];
    const text = textOf(await sign(saying({ distributionPoint, revoked: oneOfEach })));
    assert.match(
      text,
      /Issuing Distribution Point: critical\n +Full Name:\n +URI:http:\/\/new\.example\/crl\/a\/7\.crl\n +URI:http:\/\/old\.example\/crl\/a\/7\.crl\s+Only User Certificates\n/,
    );
  });

  test('reads since when a certificate is not to be trusted, beside the reason and alone', async () => {
    const invalidityDate = new Date('2049-12-31T23:59:58Z');
    const revoked = [
      { ...revokedBy('keyCompromise', 1), invalidityDate },
      { ...revokedBy('unspecified', 2), invalidityDate: new Date('2050-01-01T00:00:00.999Z') },
    ];
    const statement = saying({ revoked });
    const crl = await sign(statement);
    const text = textOf(crl);
    assert.match(
      text,
      /CRL Reason Code: \n +Key Compromise\n +Invalidity Date: \n +Dec 31 23:59:58 2049 GMT\n/,
    );
    assert.match(
      text,
      /CRL entry extensions:\n +Invalidity Date: \n +Jan {2}1 00:00:00 2050 GMT\n/,
    );
    for (const others of [
      [revokedBy('keyCompromise', 1), revoked[1]],
      [{ ...revoked[0], invalidityDate: now }, revoked[1]],
      [revoked[0], revokedBy('unspecified', 2)],
    ] as RevokedCertificate[][])
      await assert.rejects(
        check(crl, saying({ revoked: others }), ca.issuing),
        /revokedCertificates/,
      );
  });

  test('accepts a path whose certificate is not listed, and refuses it when it is', async () => {
    const { issuing: issuer, root, signer } = ca;
    const authority = new CertificateAuthority({
      issuer,
      signer,
      ledger: memoryLedger(),
      serialPrefix: 1,
    });
    const { certificate, serialNumber } = await authority.issue(makePlan());
    const verify = (crl: Uint8Array) =>
      withFile(`${pem(root)}${pem(issuer)}${crlPem(crl)}`, (file) =>
        openssl(
          ['verify', '-x509_strict', '-crl_check', '-CAfile', file],
          pem({ der: certificate }),
        ),
      );
    verify(await sign(saying({ revoked: oneOfEach })));
    const listed = { serialNumber, revokedAt: now, reason: 'superseded' } as const;
    const revoked = await sign(saying({ revoked: [...oneOfEach, listed].sort(bySerial) }));
    assert.throws(() => verify(revoked), /certificate revoked/);
  });
});

const bySerial = (a: RevokedCertificate, b: RevokedCertificate) =>
  a.serialNumber < b.serialNumber ? -1 : 1;

describe('encoding', () => {
  const fieldsOf = (crl: Uint8Array) => readDer(crl).children[0]?.children ?? [];

  test('no list at all where nothing is revoked', async () => {
    const crl = await sign(saying());
    assert.deepEqual(
      fieldsOf(crl).map(({ tag }) => tag),
      [tags.integer, tags.sequence, tags.sequence, tags.utcTime, tags.utcTime, 0xa0],
    );
    assert.match(textOf(crl), /No Revoked Certificates/);
  });

  test('UTCTime through 2049, GeneralizedTime from 2050 on, in whole seconds', async () => {
    const last = new Date('2049-12-31T23:59:59.999Z');
    const first = new Date('2050-01-01T00:00:00Z');
    const revoked = [{ ...revokedBy('superseded'), revokedAt: last }];
    const fields = fieldsOf(await sign(saying({ thisUpdate: last, nextUpdate: first, revoked })));
    const shown = [fields[3], fields[4], fields[5]?.children[0]?.children[1]].map((time) =>
      Buffer.from(time?.content ?? []).toString(),
    );
    assert.deepEqual(shown, ['491231235959Z', '20500101000000Z', '491231235959Z']);
  });

  const numbers = [1, 127, 128, 255, 256, 32_767, 32_768, Number.MAX_SAFE_INTEGER];
  test('cRLNumbers of any size', async () => {
    for (const number of numbers) {
      const text = textOf(await sign(saying({ number })));
      const shown = /CRL Number: \n +(\S+)/.exec(text)?.[1] ?? '';
      // OpenSSL prints large ones in hexadecimal.
      assert.equal(Number(shown), number);
    }
  });

  test('a list of more than 16 MiB', async () => {
    const revoked = Array.from({ length: 330_000 }, (_, i) => revokedBy('keyCompromise', i));
    const statement = saying({ revoked });
    const entries = new CrlEntries();
    entries.add(revoked);
    const pieces = composeCrl(statement, entries, ca.issuing, ca.signer.algorithm);
    const toBeSigned = Buffer.concat(pieces);
    const signed = inSequence(
      toBeSigned,
      signatureAlgorithmIdentifier(ca.signer.algorithm),
      encodeBitString(await ca.signer.sign(toBeSigned)),
    );
    const crl = Buffer.concat(signed);
    assert.ok(crl.length > 2 ** 24);
    assert.match(verdictOn(crl, ca.issuing), /^verify OK\n$/);
    let turns = 0;
    let done = false;
    const count = () => {
      turns++;
      if (!done) setImmediate(count);
    };
    count();
    await checkCrl(crl, statement, entries.meaning(), ca.issuing);
    done = true;
    assert.ok(turns >= 330, `${turns} turns for others`);
  });
});

/** Adds extensions to the first entry, which has none. */
function forgeFirstEntry(fields: Uint8Array[], ...extensions: Uint8Array[]): void {
  const [list] = elementsIn(fields[5] as Uint8Array);
  const [first, ...others] = elementsIn(list?.content as Uint8Array);
  const forged = encode(
    tags.sequence,
    first?.content as Uint8Array,
    encode(tags.sequence, ...extensions),
  );
  fields.splice(5, 1, encode(tags.sequence, forged, ...others.map(({ bytes }) => bytes)));
}

describe('a signed CRL is not released', () => {
  const statement = saying({ number: 7, revoked: oneOfEach });
  const entry = revokedBy('keyCompromise', 16);
  const withEntry = (changed: RevokedCertificate) => ({
    revoked: oneOfEach.map((kept) => (kept.serialNumber === entry.serialNumber ? changed : kept)),
  });
  const aPoint = ['http://pki.example/crl/1.crl'];
  const differing: Record<string, [complaint: RegExp, changes: Partial<Statement>]> = {
    'its number': [/cRLNumber/, { number: 8 }],
    thisUpdate: [/thisUpdate/, { thisUpdate: inDays(1) }],
    nextUpdate: [/nextUpdate/, { nextUpdate: inDays(8) }],
    'its scope': [/issuingDistributionPoint/, { distributionPoint: aPoint }],
    'a serial number': [
      /revokedCertificates/,
      withEntry({ ...entry, serialNumber: revokedBy('unspecified', 17).serialNumber }),
    ],
    'when a certificate was revoked': [
      /revokedCertificates/,
      withEntry({ ...entry, revokedAt: now }),
    ],
    'a reason': [/revokedCertificates/, withEntry({ ...entry, reason: 'superseded' })],
    'since when a certificate is not to be trusted': [
      /revokedCertificates/,
      withEntry({ ...entry, invalidityDate: now }),
    ],
    'one entry less': [/revokedCertificates/, { revoked: oneOfEach.slice(0, -1) }],
    'no entries at all': [/revokedCertificates/, { revoked: [] }],
  };
  for (const [what, [complaint, changes]] of Object.entries(differing))
    test(`that differs in ${what}`, async () => {
      const crl = await sign({ ...statement, ...changes });
      await assert.rejects(check(crl, statement, ca.issuing), CrlMismatch);
      const meant = await sign(statement);
      await assert.rejects(check(meant, { ...statement, ...changes }, ca.issuing), complaint);
    });

  test('that is of another distribution point, or of more of them', async () => {
    const scoped = saying({ distributionPoint: aPoint });
    const crl = await sign(scoped);
    for (const distributionPoint of [['http://pki.example/crl/2.crl'], [...aPoint, ...aPoint]])
      await assert.rejects(
        check(crl, { ...scoped, distributionPoint }, ca.issuing),
        /issuingDistributionPoint/,
      );
    await assert.rejects(check(crl, saying(), ca.issuing), /extensions/);
  });

  test('that another CA is to have issued', async () => {
    const crl = await sign(statement);
    const other = await makeSoftwareCa({ commonName: 'Other CA' });
    await assert.rejects(check(crl, statement, other.issuing), /issuer/);
    const successor = await makeSoftwareCa();
    await assert.rejects(check(crl, statement, successor.issuing), /authorityKeyIdentifier/);
  });

  test('that lists a certificate twice, or out of order', async () => {
    for (const revoked of [[entry, entry], [...oneOfEach].reverse()])
      await assert.rejects(sign(saying({ revoked })), /order/);
  });

  const forgeries: Record<string, [complaint: RegExp, forge: (fields: Uint8Array[]) => void]> = {
    'of version 1': [/version/, (fields) => fields.splice(0, 1)],
    'with another inner algorithm': [
      /signature algorithm/,
      (fields) => fields.splice(1, 1, encode(tags.sequence, oid['ecdsa-with-SHA384'])),
    ],
    'without nextUpdate': [/impossible time/, (fields) => fields.splice(4, 1)],
    'with an impossible time': [
      /impossible time/,
      (fields) => fields.splice(3, 1, encode(tags.utcTime, Buffer.from('300230000000Z'))),
    ],
    'with a second list': [/form/, (fields) => fields.splice(5, 0, fields[5] as Uint8Array)],
    'without extensions': [/extensions/, (fields) => fields.splice(6, 1)],
    'with one more extension': [
      /extensions/,
      (fields) => {
        const [list] = readDer(fields[6] as Uint8Array).children;
        const more = encodeExtension(encodeOid('2.5.29.28'), encode(tags.sequence));
        fields.splice(6, 1, encode(0xa0, encode(tags.sequence, list?.content ?? more, more)));
      },
    ],
    'with a critical cRLNumber': [
      /cRLNumber/,
      (fields) => {
        const [authority] = readDer(fields[6] as Uint8Array).children[0]?.children ?? [];
        const value = encode(tags.integer, Uint8Array.of(7));
        const critical = encodeExtension(oid.cRLNumber, value, { critical: true });
        fields.splice(
          6,
          1,
          encode(0xa0, encode(tags.sequence, authority?.bytes ?? value, critical)),
        );
      },
    ],
    'with an entry that says more than its reason': [
      /revokedCertificates/,
      (fields) => {
        const date = encode(tags.generalizedTime, Buffer.from('20200101000000Z'));
        forgeFirstEntry(fields, encodeExtension(oid.invalidityDate, date));
      },
    ],
    'with an entry that has an extension of another kind': [
      /crlEntryExtensions/,
      (fields) =>
        forgeFirstEntry(fields, encodeExtension(encodeOid('2.5.29.29'), encode(tags.sequence))),
    ],
    'with an entry whose extensions are empty': [
      /crlEntryExtensions/,
      (fields) => forgeFirstEntry(fields),
    ],
    'with an entry whose reason is said to be unspecified': [
      /reasonCode/,
      (fields) => {
        const unspecified = encode(0x0a, Uint8Array.of(0));
        forgeFirstEntry(fields, encodeExtension(oid.reasonCode, unspecified));
      },
    ],
  };
  for (const [what, [complaint, forge]] of Object.entries(forgeries))
    test(what, async () => {
      const [tbs, ...rest] = readDer(await sign(statement)).children;
      const fields = (tbs?.children ?? []).map(({ bytes }) => bytes);
      forge(fields);
      const forged = encode(
        tags.sequence,
        encode(tags.sequence, ...fields),
        ...rest.map(({ bytes }) => bytes),
      );
      await assert.rejects(check(forged, statement, ca.issuing), complaint);
    });

  test('that is another structure, or has more in it', async () => {
    const crl = await sign(statement);
    const elements = readDer(crl).children.map(({ bytes }) => bytes);
    const [tbs, ...rest] = readDer(crl).children;
    for (const forged of [
      encode(tags.octetString, ...elements),
      encode(
        tags.sequence,
        encode(tags.set, tbs?.content ?? crl),
        ...rest.map(({ bytes }) => bytes),
      ),
      encode(tags.sequence, ...elements, encode(tags.null)),
    ])
      await assert.rejects(check(forged, statement, ca.issuing), /form/);
  });

  test('with an empty list where nothing is revoked', async () => {
    const [tbs, ...rest] = readDer(await sign(saying())).children;
    const fields = (tbs?.children ?? []).map(({ bytes }) => bytes);
    fields.splice(5, 0, encode(tags.sequence));
    const signed = [encode(tags.sequence, ...fields), ...rest.map(({ bytes }) => bytes)];
    const forged = encode(tags.sequence, ...signed);
    await assert.rejects(check(forged, saying(), ca.issuing), /revokedCertificates/);
  });

  test('with something behind it', async () => {
    const crl = Buffer.concat([await sign(statement), encode(tags.null)]);
    await assert.rejects(check(crl, statement, ca.issuing), /form/);
  });
});
