import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readVector, vectorNames } from '../test/support/vectors.ts';
import {
  type DerElement,
  DerError,
  elementsIn,
  encode,
  encodeBitString,
  encodeOid,
  encodeTime,
  readDer,
  sameBytes,
  tags,
} from './der.ts';

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const withText = (tag: number, content: string) => encode(tag, Buffer.from(content, 'latin1'));

/** An element inside as many SEQUENCEs. */
function nested(depth: number): Uint8Array {
  let element: Uint8Array = encode(tags.null);
  for (let i = 0; i < depth; i++) element = encode(tags.sequence, element);
  return element;
}

describe('what is DER is read', () => {
  const accepted: Record<string, string | Uint8Array> = {
    'an empty SEQUENCE': '3000',
    TRUE: '0101ff',
    FALSE: '010100',
    zero: '020100',
    'a leading zero that keeps 128 positive': '02020080',
    'minus one': '0201ff',
    'minus 129': '0202ff7f',
    'an empty BIT STRING': '030100',
    'a BIT STRING with its unused bits zero': '03020780',
    NULL: '0500',
    'a short OID': '06032a0304',
    'an OID arc of two octets': '0603558148',
    'a UTF8String with a letter beyond ASCII': '0c02c3a9',
    'a UTF8String of four octets a letter': '0c04f09f9880',
    'a UTCTime': withText(tags.utcTime, '300101000000Z'),
    'a GeneralizedTime': withText(tags.generalizedTime, '20500101000000Z'),
    'a length of 127 in one octet': encode(tags.octetString, new Uint8Array(127)),
    'a length of 128 in two octets': encode(tags.octetString, new Uint8Array(128)),
    'a length of 256 in three octets': encode(tags.octetString, new Uint8Array(256)),
    'a length of 65536 in four octets': encode(tags.octetString, new Uint8Array(65536)),
    'a constructed context tag': 'a003020100',
    'a primitive context tag': '8201ff',
    'as deep as is allowed': nested(24),
    'as many elements as are allowed': encode(
      tags.sequence,
      ...new Array<Uint8Array>(1999).fill(encode(tags.null)),
    ),
  };
  for (const [what, input] of Object.entries(accepted))
    test(what, () => {
      const octets = typeof input === 'string' ? hex(input) : input;
      assert.ok(sameBytes(readDer(octets).bytes, octets));
    });
});

describe('what is not DER is refused', () => {
  const refused: Record<string, [input: string | Uint8Array, message: RegExp]> = {
    nothing: ['', /too early/],
    'a tag alone': ['30', /too early/],
    'half a length': ['3082 01', /too early/],
    'a length beyond the end': ['0402 00', /beyond the end/],
    'a length beyond the element around it': ['3003 0402 00 00', /beyond the end/],
    'a trailing octet': ['0500 00', /1 bytes follow/],
    'a second element': ['0500 0500', /2 bytes follow/],
    'an indefinite length': ['3080 0500 0000', /indefinite/],
    'an indefinite primitive': ['2480 0401 00 0000', /indefinite/],
    'a length of 5 in two octets': ['0481 05 0000000000', /not minimal/],
    'a length of 127 in two octets': [
      Buffer.concat([hex('04817f'), new Uint8Array(127)]),
      /not minimal/,
    ],
    'a length of 128 in three octets': [
      Buffer.concat([hex('04820080'), new Uint8Array(128)]),
      /not minimal/,
    ],
    'a length of 256 in four octets': [
      Buffer.concat([hex('0483000100'), new Uint8Array(256)]),
      /not minimal/,
    ],
    'a length of four octets': ['0484 01000000', /larger than any/],
    'a length of 127 octets': ['04ff', /larger than any/],
    'a high tag number': ['1f1f 00', /above 30/],
    'a high context tag number': ['bf1f 00', /above 30/],
    'end-of-contents inside': ['3002 0000', /type 0/],
    'a constructed OCTET STRING': ['2404 0402 0000', /wrong form/],
    'a constructed UTF8String': ['2c03 0c0141', /wrong form/],
    'a primitive SEQUENCE': ['1000', /wrong form/],
    'a primitive SET': ['1100', /wrong form/],
    'one level too deep': [nested(25), /deeper than 24/],
    'one element too many': [
      encode(tags.sequence, ...new Array<Uint8Array>(2000).fill(encode(tags.null))),
      /more than 2000/,
    ],
    'a BOOLEAN of 1': ['010101', /BOOLEAN/],
    'an empty BOOLEAN': ['0100', /BOOLEAN/],
    'a BOOLEAN of two octets': ['0102ffff', /BOOLEAN/],
    'an empty INTEGER': ['0200', /INTEGER/],
    'an INTEGER with a needless zero': ['0202007f', /INTEGER/],
    'an INTEGER with a needless sign': ['0202ff80', /INTEGER/],
    'a BIT STRING without its count': ['0300', /BIT STRING/],
    'a BIT STRING with eight unused bits': ['03020800', /BIT STRING/],
    'an empty BIT STRING with unused bits': ['030101', /BIT STRING/],
    'a BIT STRING whose unused bits are set': ['03020781', /BIT STRING/],
    'a NULL with content': ['050100', /NULL/],
    'an empty OID': ['0600', /OBJECT IDENTIFIER/],
    'an OID that ends within an arc': ['06022a83', /OBJECT IDENTIFIER/],
    'an OID whose first arc has a leading zero': ['0602802a', /OBJECT IDENTIFIER/],
    'an OID whose later arc has a leading zero': ['06032a8001', /OBJECT IDENTIFIER/],
    'a UTF8String with an overlong letter': ['0c02c080', /UTF8String/],
    'a UTF8String with a surrogate': ['0c03eda080', /UTF8String/],
    'a UTF8String that ends within a letter': ['0c01c3', /UTF8String/],
    'a PrintableString with @': [withText(tags.printableString, 'a@b'), /PrintableString/],
    'a PrintableString with NUL': [withText(tags.printableString, 'a\0'), /PrintableString/],
    'a PrintableString with a last line feed': [
      withText(tags.printableString, 'a\n'),
      /PrintableString/,
    ],
    'an IA5String beyond ASCII': ['160180', /IA5String/],
    'a UTCTime without seconds': [withText(tags.utcTime, '3001010000Z'), /UTCTime/],
    'a UTCTime with an offset': [withText(tags.utcTime, '300101000000+0100'), /UTCTime/],
    'a GeneralizedTime with a fraction': [
      withText(tags.generalizedTime, '20500101000000.5Z'),
      /GeneralizedTime/,
    ],
    'a GeneralizedTime of local time': [
      withText(tags.generalizedTime, '20500101000000'),
      /GeneralizedTime/,
    ],
  };
  for (const [what, [input, message]] of Object.entries(refused))
    test(what, () => {
      const octets = typeof input === 'string' ? hex(input) : input;
      assert.throws(() => readDer(octets), { name: 'DerError', message });
    });

  test('a malformed element is found at any depth, in any constructed tag', () => {
    for (const tag of [tags.sequence, tags.set, 0xa0, 0xa3])
      assert.throws(() => readDer(encode(tags.sequence, encode(tag, hex('0202007f')))), DerError);
  });
});

describe('what takes long elsewhere is refused at once', () => {
  const heavy: Record<string, Uint8Array> = {
    '5,000 levels': nested(5000),
    '20,000 indefinite levels': Buffer.alloc(40_000, hex('3080')),
    '500,000 elements': encode(tags.sequence, Buffer.alloc(1_000_000, hex('0500'))),
  };
  for (const [what, input] of Object.entries(heavy))
    test(what, () => {
      const start = performance.now();
      assert.throws(() => readDer(input), DerError);
      assert.ok(performance.now() - start < 2000);
    });

  test('an INTEGER of 1 MB is read without arithmetic', () => {
    const start = performance.now();
    readDer(encode(tags.integer, Buffer.alloc(1_000_000, 0x7f)));
    assert.ok(performance.now() - start < 2000);
  });
});

describe('object identifiers', () => {
  const known: Record<string, string> = {
    '2.5.4.3': '0603550403',
    '1.2.840.113549.1.1.11': '06092a864886f70d01010b',
    '2.999.3': '0603883703',
    '1.3.6.1.5.5.7.1.11': '06082b0601050507010b',
    '0.0': '060100',
    // An arc of X.667: 128 bits, as OpenSSL encodes it.
    '2.25.305821105408246119474742976030998643995': '06146983cc9380a898cca8c7bdb1a78080aaaed78a1b',
  };
  for (const [dotted, der] of Object.entries(known))
    test(dotted, () => {
      assert.equal(Buffer.from(encodeOid(dotted)).toString('hex'), der);
      assert.equal(readDer(encodeOid(dotted)).tag, tags.oid);
    });
});

describe('times', () => {
  const instants: Record<string, string> = {
    '2049-12-31T23:59:59Z': '170d3439313233313233353935395a',
    '2050-01-01T00:00:00Z': '180f32303530303130313030303030305a',
    '2030-06-07T08:09:10.999Z': '170d3330303630373038303931305a',
    '9999-12-31T23:59:59Z': '180f39393939313233313233353935395a',
  };
  for (const [instant, der] of Object.entries(instants))
    test(instant, () => {
      assert.equal(Buffer.from(encodeTime(new Date(instant))).toString('hex'), der);
      readDer(encodeTime(new Date(instant)));
    });
});

test('a BIT STRING of whole octets has no unused bits', () => {
  assert.deepEqual([...encodeBitString(Uint8Array.of(1, 2))], [3, 3, 0, 1, 2]);
});

test('children and content are the octets they stand for', () => {
  const { children, content } = readDer(hex('3007 020105 a002 0500'));
  assert.deepEqual(
    children.map(({ tag }) => tag),
    [tags.integer, 0xa0],
  );
  assert.equal(children[1]?.children[0]?.tag, tags.null);
  assert.equal(content.length, 7);
});

describe('a list is walked over', () => {
  test('element by element, longer than readDer takes, without looking inside', () => {
    const list = Buffer.concat(Array.from({ length: 5000 }, () => hex('3003 020105')));
    const elements = [...elementsIn(list)];
    assert.equal(elements.length, 5000);
    for (const { tag, bytes, content } of elements) {
      assert.equal(tag, tags.sequence);
      assert.deepEqual([...bytes], [0x30, 3, 2, 1, 5]);
      assert.deepEqual([...content], [2, 1, 5]);
    }
    assert.deepEqual([...elementsIn(new Uint8Array())], []);
    assert.equal([...elementsIn(hex('3003 ffffff'))].length, 1);
  });

  const broken = { 'a length beyond the end': '0500 3003 0201', 'half a head': '0500 30' };
  for (const [what, octets] of Object.entries({ ...broken, 'a padded length': '04810101' }))
    test(`but not past ${what}`, () => {
      assert.throws(() => [...elementsIn(hex(octets))], DerError);
    });
});

test('an element whose length takes more than three octets is not written', () => {
  assert.equal(encode(tags.octetString, new Uint8Array(0xffffff))[1], 0x83);
  assert.throws(() => encode(tags.octetString, new Uint8Array(0x1000000)), RangeError);
});

/** Writes what was read: nothing of it may be lost or be said in another way. */
function rewrite({ tag, content, children }: DerElement): Uint8Array {
  return tag & 0x20 ? encode(tag, ...children.map(rewrite)) : encode(tag, content);
}

describe('published examples, octet for octet', () => {
  for (const name of vectorNames)
    test(name, () => {
      const octets = readVector(name);
      if (name.includes('multipart-core'))
        // CBOR that happens to begin like a SEQUENCE.
        assert.throws(() => readDer(octets), { name: 'DerError', message: /follow the end/ });
      else assert.deepEqual(Buffer.from(rewrite(readDer(octets))), octets);
    });
});
