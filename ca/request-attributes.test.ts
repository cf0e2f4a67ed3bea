import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  attribute,
  commonName,
  dns,
  forgeRequest,
  nullValue,
  sequence,
  setOf,
  text,
} from '../test/support/forged-request.ts';
import { parseCertificateRequest } from './certificate-request.ts';
import { encode, tags } from './der.ts';
import { dotted } from './object-identifiers.ts';

const read = (...attributes: Uint8Array[]) => parseCertificateRequest(forgeRequest({ attributes }));
const refused = (attributes: Uint8Array[], message: RegExp) =>
  assert.rejects(read(...attributes), { name: 'Refusal', code: 'malformed-request', message });
const bmp = (value: string) =>
  encode(tags.bmpString, Buffer.from(value, 'utf16le').swap16() as Uint8Array);

const challenges = [
  'challengePassword',
  'otpChallenge',
  'revocationChallenge',
  'estIdentityLinking',
] as const;

for (const name of challenges)
  describe(name, () => {
    const of = (...values: Uint8Array[]) => attribute(dotted[name], ...values);

    const forms: Record<string, [value: Uint8Array, text: string]> = {
      'a PrintableString': [text(tags.printableString, '90503846'), '90503846'],
      'a UTF8String': [text(tags.utf8String, 'Schlüssel'), 'Schlüssel'],
      'a TeletexString': [text(tags.teletexString, 'abc'), 'abc'],
      'a BMPString': [bmp('abc'), 'abc'],
      'one character': [text(tags.utf8String, 'a'), 'a'],
      '255 characters of more octets': [text(tags.utf8String, 'ü'.repeat(255)), 'ü'.repeat(255)],
    };
    for (const [what, [value, expected]] of Object.entries(forms))
      test(`${what} is read`, async () => {
        assert.deepEqual((await read(of(value))).challenges, { [name]: expected });
      });

    const wrong: Record<string, [attributes: Uint8Array[], message: RegExp]> = {
      'no value': [[of()], /exactly one value/],
      'two values': [
        [of(text(tags.utf8String, 'a'), text(tags.utf8String, 'b'))],
        /exactly one value/,
      ],
      'the attribute twice': [
        [of(text(tags.utf8String, 'a')), of(text(tags.utf8String, 'a'))],
        new RegExp(`${name} twice`),
      ],
      'an empty string': [[of(text(tags.utf8String, ''))], /1 to 255/],
      '256 characters': [[of(text(tags.utf8String, 'a'.repeat(256)))], /1 to 255/],
      'an IA5String, which is no DirectoryString': [[of(text(tags.ia5String, 'a'))], /1 to 255/],
      octets: [[of(encode(tags.octetString, Buffer.from('a')))], /1 to 255/],
      'a BMPString of half a character': [
        [of(encode(tags.bmpString, Buffer.alloc(3)))],
        /1 to 255/,
      ],
    };
    for (const [what, [attributes, message]] of Object.entries(wrong))
      test(`${what} is refused`, () => refused(attributes, message));
  });

test('all challenges at once, each its own', async () => {
  const all = challenges.map((name) => attribute(dotted[name], text(tags.utf8String, name)));
  assert.deepEqual(
    (await read(...all)).challenges,
    Object.fromEntries(challenges.map((name) => [name, name])),
  );
  assert.deepEqual((await read()).challenges, {});
});

describe('changeSubjectName', () => {
  const change = (...values: Uint8Array[]) => attribute(dotted.changeSubjectName, ...values);
  const subject = commonName('device-2');
  const names = sequence(dns('B.example'), encode(0x87, Uint8Array.of(192, 0, 2, 1)));
  const subjectAttributes = [{ type: 'commonName', text: 'device-2' }];
  const subjectAltNames = ['DNS:b.example', 'IP:192.0.2.1'];

  test('a subject alone', async () => {
    const { subjectChange } = await read(change(sequence(subject)));
    assert.deepEqual(subjectChange, { subjectAttributes, subjectAltNames: [] });
  });

  test('names alone are names, not a subject', async () => {
    const { subjectChange } = await read(change(sequence(names)));
    assert.deepEqual(subjectChange, { subjectAttributes: [], subjectAltNames });
  });

  test('both', async () => {
    const { subjectChange } = await read(change(sequence(subject, names)));
    assert.deepEqual(subjectChange, { subjectAttributes, subjectAltNames });
  });

  test('beside the names that the request itself has, which stay what they are', async () => {
    const { subjectChange, subjectAttributes: own } = await read(change(sequence(subject)));
    assert.ok(subjectChange);
    assert.deepEqual(own, [{ type: 'commonName', text: 'device-1' }]);
  });

  test('absent', async () => assert.equal((await read()).subjectChange, undefined));

  const wrong: Record<string, [value: Uint8Array, message: RegExp]> = {
    'an empty SEQUENCE': [sequence(), /subject, a subjectAlt or both/],
    'an empty subject': [sequence(sequence()), /both/],
    'an empty subject and names': [sequence(sequence(), names), /both/],
    'a subject and no names in their place': [sequence(subject, sequence()), /both/],
    'names before the subject': [sequence(names, subject), /both/],
    'two subjects': [sequence(subject, subject), /both/],
    'two lists of names': [sequence(names, names), /both/],
    'something after the names': [sequence(subject, names, nullValue), /both/],
    'a SET': [setOf(subject), /both/],
    'a subject without its SEQUENCE': [subject, /both/],
    'a string': [text(tags.utf8String, 'device-2'), /both/],
    'names without their SEQUENCE': [sequence(dns('b.example')), /both/],
    'a subject with an attribute that is none': [
      sequence(sequence(setOf(nullValue))),
      /malformed attribute/,
    ],
    'names with something that is no name': [
      sequence(sequence(dns('b.example'), nullValue)),
      /not DNS, IP, URI or email/,
    ],
    'a name that no certificate can carry': [sequence(sequence(dns('b..example'))), /malformed/],
    '33 names': [
      sequence(sequence(...Array.from({ length: 33 }, (_, i) => dns(`d${i}.example`)))),
      /more than 32/,
    ],
  };
  for (const [what, [value, message]] of Object.entries(wrong))
    test(`${what} is refused`, () => refused([change(value)], message));

  test('no value, two values and two of them are refused', async () => {
    const value = sequence(subject);
    await refused([change()], /exactly one value/);
    await refused([change(value, sequence(names))], /exactly one value/);
    await refused([change(value), change(value)], /changeSubjectName twice/);
  });
});
