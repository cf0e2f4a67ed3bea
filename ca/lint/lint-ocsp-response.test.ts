import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  enumerated,
  extension,
  integer,
  no,
  octets,
  sequence,
  text,
  yes,
} from '../../test/support/der-parts.ts';
import { SoftwareSigner } from '../../test/support/software-signer.ts';
import { readVector } from '../../test/support/vectors.ts';
import { type Certificate, keyIdentifierOf } from '../certificate.ts';
import { encode, encodeBitString, encodeOid, readDer, tags } from '../der.ts';
import { signOcspResponse } from '../ocsp-response.ts';
import {
  lintOcspResponse,
  ocspQuestionRules,
  ocspRules,
  requireWellFormedOcspResponse,
} from './lint-ocsp-response.ts';

const responderKey = Buffer.alloc(65, 4);
const id = (serial: number) =>
  sequence(
    sequence(encodeOid('1.3.14.3.2.26'), encode(tags.null)),
    octets(Buffer.alloc(20, 1)),
    octets(Buffer.alloc(20, 2)),
    integer(serial),
  );
const nonce = Buffer.alloc(32, 9);
const question = { certificateIds: [id(1), id(2)], nonce, responderKey };

const time = (digits: string) => text(tags.generalizedTime, digits);
const [now, tomorrow] = [time('20261123000000Z'), time('20261124000000Z')];
const until = (element: Uint8Array) => encode(0xa0, element);
const good = encode(0x80);
const revoked = (...parts: Uint8Array[]) => encode(0xa1, ...parts);
const because = (code: number) => encode(0xa0, enumerated(code));
const nonceExtension = (value: Uint8Array, ...critical: Uint8Array[]) =>
  extension('1.3.6.1.5.5.7.48.1.2', value, ...critical);

interface Parts {
  version?: Uint8Array[];
  responderId?: Uint8Array;
  producedAt?: Uint8Array;
  /** Takes the place of the first single response. */
  single?: Uint8Array[];
  singles?: Uint8Array[];
  status?: Uint8Array;
  nonce?: Uint8Array[];
  more?: Uint8Array[];
}

/** A good ResponseData, but for what is said. */
function toBeSigned(parts: Parts = {}): Uint8Array {
  const first = parts.single ?? [id(1), parts.status ?? good, now, until(tomorrow)];
  const second = sequence(id(2), revoked(now, because(1)), now, until(tomorrow));
  return sequence(
    ...(parts.version ?? []),
    parts.responderId ?? encode(0xa2, octets(keyIdentifierOf(responderKey))),
    parts.producedAt ?? now,
    sequence(...(parts.singles ?? [sequence(...first), second])),
    encode(
      0xa1,
      sequence(
        ...(parts.nonce ?? [nonceExtension(octets(nonce))]),
        ...(parts.more ?? [extension('1.2.3', sequence())]),
      ),
    ),
  );
}

describe('an OCSP response without findings', () => {
  const extendedRevoke = extension('1.3.6.1.5.5.7.48.1.9', encode(tags.null));
  const fine: Record<string, Parts> = {
    'as it is': {},
    'without the nonce': { nonce: [] },
    'with an unknown certificate': { status: encode(0x82) },
    'with a revocation without reason': { status: revoked(now) },
    'with a revocation of 2060': { status: revoked(time('20600101000000Z'), because(6)) },
    'with extensions in a single response': {
      single: [
        id(1),
        good,
        now,
        until(tomorrow),
        encode(0xa1, sequence(extension('1.2.3', sequence()))),
      ],
    },
    'with the revocation of what was never issued': {
      status: revoked(time('19700101000000Z'), because(6)),
      more: [extendedRevoke],
    },
  };
  for (const [what, parts] of Object.entries(fine))
    test(what, () => assert.deepEqual(lintOcspResponse(toBeSigned(parts), question), []));

  test('the published one of RFC 9919', () => {
    const published = readVector('rfc9919-OCSPResponse.b64');
    const basic = readDer(
      readDer(published).children[1]?.children[0]?.children[1]?.content ?? published,
    );
    const data = basic.children[0];
    const [responder, , list] = data?.children ?? [];
    assert.ok(data && responder && list);
    const findings = lintOcspResponse(data.bytes, {
      certificateIds: list.children.map(({ children: [first] }) => first?.bytes ?? published),
      responderKey,
    });
    assert.deepEqual(
      findings.map(({ rule }) => rule),
      ['OCSP-06'],
      'whose key it is not',
    );
  });
});

const single = (...parts: Uint8Array[]) => ({ single: [id(1), ...parts] });
const wrong: Record<string, [rule: string, parts: Parts]> = {
  'version 1, written out': ['DER-DEFAULT', { version: [encode(0xa0, integer(0))] }],
  'version 2': ['DER-DEFAULT', { version: [encode(0xa0, integer(1))] }],
  'an explicit default': ['DER-DEFAULT', { more: [extension('1.2.3', sequence(), no)] }],
  'an explicit default in a single response': [
    'DER-DEFAULT',
    single(good, now, until(tomorrow), encode(0xa1, sequence(extension('1.2.3', sequence(), no)))),
  ],
  'fewer answers than questions': [
    'OCSP-04',
    { singles: [sequence(id(1), good, now, until(tomorrow))] },
  ],
  'no answers': ['OCSP-04', { singles: [] }],
  'an answer to another question': ['OCSP-04', { single: [id(3), good, now, until(tomorrow)] }],
  'a responder by name': ['OCSP-06', { responderId: encode(0xa1, sequence()) }],
  'a key that stands for a name': [
    'OCSP-06',
    { responderId: encode(0xa1, octets(keyIdentifierOf(responderKey))) },
  ],
  'another responder': ['OCSP-06', { responderId: encode(0xa2, octets(Buffer.alloc(20))) }],
  UTCTime: ['OCSP-07', { producedAt: text(tags.utcTime, '261123000000Z') }],
  'produced on 30 February': ['OCSP-07', { producedAt: time('20260230000000Z') }],
  'thisUpdate in UTCTime': [
    'OCSP-07',
    single(good, text(tags.utcTime, '261123000000Z'), until(tomorrow)),
  ],
  'nextUpdate in a 13th month': ['OCSP-07', single(good, now, until(time('20271301000000Z')))],
  'no nextUpdate': ['OCSP-07', single(good, now)],
  'an end that is the beginning': ['OCSP-07', single(good, now, until(now))],
  'good with something in it': ['OCSP-12', { status: encode(0x80, now) }],
  'unknown with something in it': ['OCSP-12', { status: encode(0x82, now) }],
  'a status that is none': ['OCSP-12', { status: encode(0x83) }],
  'revoked at no time': ['OCSP-12', { status: revoked(text(tags.utcTime, '261123000000Z')) }],
  'the reason unspecified': ['OCSP-12', { status: revoked(now, because(0)) }],
  'the reason 7': ['OCSP-12', { status: revoked(now, because(7)) }],
  'the reason removeFromCRL': ['OCSP-12', { status: revoked(now, because(8)) }],
  'a reason that is an INTEGER': ['OCSP-12', { status: revoked(now, encode(0xa0, integer(1))) }],
  'a revocation with more in it': ['OCSP-12', { status: revoked(now, because(1), now) }],
  'revoked since 1970': ['OCSP-13', { status: revoked(time('19700101000000Z'), because(6)) }],
  'a nonce of another': ['OCSP-14', { nonce: [nonceExtension(octets(Buffer.alloc(32, 8)))] }],
  'a critical nonce': ['OCSP-14', { nonce: [nonceExtension(octets(nonce), yes)] }],
  'an extension twice': [
    'OCSP-TWICE',
    { more: [extension('1.2.3', sequence()), extension('1.2.3', octets())] },
  ],
  'an extension of a single response twice': [
    'OCSP-TWICE',
    single(
      ...[good, now, until(tomorrow)],
      encode(0xa1, sequence(extension('1.2.3', sequence()), extension('1.2.3', octets()))),
    ),
  ],
  'a critical extension': ['OCSP-CRITICAL', { more: [extension('1.2.3', sequence(), yes)] }],
};

describe('findings', () => {
  const found = new Set<string>();

  for (const [what, [rule, parts]] of Object.entries(wrong))
    test(`${what}: ${rule}`, () => {
      const findings = lintOcspResponse(toBeSigned(parts), question);
      assert.deepEqual([...new Set(findings.map((finding) => finding.rule))], [rule]);
      for (const { says } of findings) found.add(says);
    });

  test('a nonce where none was asked for: OCSP-14', () => {
    const [finding, surplus] = lintOcspResponse(toBeSigned(), { ...question, nonce: undefined });
    assert.equal(finding?.rule, 'OCSP-14');
    assert.equal(surplus, undefined);
  });

  test('a nonce of a length that is none: OCSP-14', () => {
    const raw = Buffer.alloc(32, 9);
    for (const length of [0, 129]) {
      const asked = Buffer.alloc(length, 9);
      const data = toBeSigned({ nonce: [nonceExtension(octets(asked))] });
      const findings = lintOcspResponse(data, { ...question, nonce: asked });
      assert.deepEqual(
        findings.map(({ rule }) => rule),
        ['OCSP-14'],
      );
      for (const { says } of findings) found.add(says);
    }
    const unwrapped = toBeSigned({ nonce: [nonceExtension(encode(tags.utf8String, raw))] });
    assert.equal(lintOcspResponse(unwrapped, { ...question, nonce: raw })[0]?.rule, 'OCSP-14');
    for (const length of [1, 128]) {
      const asked = Buffer.alloc(length, 9);
      const data = toBeSigned({ nonce: [nonceExtension(octets(asked))] });
      assert.deepEqual(lintOcspResponse(data, { ...question, nonce: asked }), []);
    }
  });

  test('of each rule', () => {
    const rules = [...ocspRules, ...ocspQuestionRules(question)];
    assert.deepEqual(
      rules.map(([, says]) => says).filter((says) => !found.has(says)),
      [],
    );
  });

  test('refuse the signature by their names', async () => {
    assert.throws(
      () =>
        requireWellFormedOcspResponse(toBeSigned({ singles: [], producedAt: octets() }), question),
      {
        name: 'LintFindings',
        message:
          /^The OCSP response would not be well-formed and is not signed\. OCSP-07: .* OCSP-04: /,
      },
    );
    const signer = new SoftwareSigner('P-256');
    let signed = 0;
    signer.onSign = () => signed++;
    const statement = {
      certificates: [{ id: id(1), status: { kind: 'good' } as const }],
      producedAt: new Date('2026-11-23T00:00:00Z'),
      thisUpdate: new Date('2026-11-23T00:00:00Z'),
      nextUpdate: new Date('2026-11-23T00:00:00Z'),
    };
    const certificate = { subjectPublicKey: responderKey } as Partial<Certificate> as Certificate;
    await assert.rejects(signOcspResponse(statement, signer, certificate), {
      name: 'LintFindings',
      message: /OCSP-07/,
    });
    assert.equal(signed, 0);
  });
});

test('what is no ResponseData in DER', () => {
  const whole = toBeSigned();
  const parts = readDer(whole).children.map(({ bytes }) => bytes);
  const surplus = encode(0xa1, sequence(extension('1.2.3', sequence())));
  for (const junk of [
    new Uint8Array(),
    sequence(),
    encodeBitString(Buffer.alloc(3)),
    Buffer.concat([whole, encode(tags.null)]),
    encode(tags.set, ...parts),
    sequence(...parts, surplus),
    sequence(...parts.slice(0, 3), encode(0xa1, sequence())),
    sequence(...parts.slice(0, 3), encode(0xa2, sequence(extension('1.2.3', sequence())))),
    toBeSigned({ singles: [encode(tags.set, id(1), good, now)] }),
    toBeSigned({ singles: [sequence(id(1), good)] }),
    toBeSigned(single(good, now, until(tomorrow), surplus, surplus)),
    toBeSigned(single(good, now, encode(0xa0, now, tomorrow))),
    toBeSigned(single(good, now, encode(0xa0))),
    toBeSigned({ producedAt: time('20261123000000.5Z') }),
  ])
    assert.deepEqual(
      lintOcspResponse(junk, question).map(({ rule }) => rule),
      ['DER'],
    );
});
