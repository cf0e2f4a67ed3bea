import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attributesOf,
  EXTENSION_TEMPLATE,
  isType,
  onlyValue,
  readCsrAttributes,
  requestTemplate,
  templateAttributes,
} from './csr-attributes.ts';
import { integer, objectIdentifier, sequence, setOf } from './der-writer.ts';

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';

/** RFC 7030 section 4.5.2 as RFC 9908 section 5.2 corrects it. */
const list = 'MDIGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgcrBgEBAQEWBggqhkjOPQQDAw==';

/** The example of RFC 9908 section 3.4, encoded from its dump with the type that was assigned since. */
const template =
  'MIGpMIGmBgsqhkiG9w0BCRACPTGBljCBkwIBADAsMQcwBQYDVQQDMQ8wDQYDVQQLDAZteURlcHQxEDAOBgNVBAsM' +
  'B215R3JvdXCgFTATBgcqhkjOPQIBBggqhkjOPQMBB6FJMEcGCyqGSIb3DQEJEAI+MTgwNjAdBgNVHREEFjAUghB3' +
  'd3cubXlTZXJ2ZXIuY29thwAwDgYDVR0PAQH/BAQDAgOIMAUGA1UdJQ==';

const read = (base64: string) => readCsrAttributes(Buffer.from(base64, 'base64'));

test('a list is types alone and Attributes with their values', () => {
  const found = read(list);
  assert.deepEqual(
    found.map(({ values }) => values !== undefined),
    [false, true, false, false],
  );
  const [curves] = attributesOf(found, EC_PUBLIC_KEY);
  assert.ok(isType(curves?.children[0], '1.3.132.0.34'));
  assert.equal(requestTemplate(found), undefined);
});

test('a template is read by its tags', () => {
  const found = requestTemplate(read(template));
  assert.equal(found?.version?.encoded.toString('hex'), '020100');
  assert.equal(found.subject?.children.length, 3);
  assert.ok(isType(found.key?.children[0]?.children[0], EC_PUBLIC_KEY));
  assert.equal(onlyValue(templateAttributes(found), EXTENSION_TEMPLATE)?.children.length, 3);
});

test('what is neither a type nor an Attribute is refused, and so is a second value', () => {
  const type = objectIdentifier(EC_PUBLIC_KEY);
  assert.throws(() => readCsrAttributes(sequence(integer(1))), /neither/);
  assert.throws(() => readCsrAttributes(sequence(sequence(type))), /neither/);
  assert.throws(() => readCsrAttributes(setOf(type)), /no SEQUENCE/);
  const two = readCsrAttributes(sequence(sequence(type, setOf(integer(1), integer(2)))));
  assert.throws(() => onlyValue(two, EC_PUBLIC_KEY), /number of values/);
});
