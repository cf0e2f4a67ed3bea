import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { CertificateId } from '../../ca/ocsp-request.ts';
import { readOcspRequest } from '../../ca/ocsp-request.ts';
import { certificateId, ocspRequest, octets, sequence } from '../../test/support/ocsp-requests.ts';
import { readOcspPath } from './ocsp-path.ts';

const issuerOf = (number: number) => ({
  subject: sequence(octets(Buffer.from(`name ${number}`))),
  subjectPublicKey: Buffer.from(`key ${number}`),
});
const base64Of = (of: ReturnType<typeof issuerOf>, serialNumber: string): string =>
  Buffer.from(ocspRequest([certificateId(of, serialNumber)])).toString('base64');
/** One whose hashes give no slash. */
const issuer = find(issuerOf, (each) => !base64Of(each, '01').includes('/'));
const [ours] = readOcspRequest(ocspRequest([certificateId(issuer, '01')])).certificates;
const isOurs = (id: CertificateId) =>
  Buffer.compare(id.issuerKeyHash, ours?.issuerKeyHash ?? Buffer.alloc(0)) === 0;

function find<T>(make: (number: number) => T, fits: (made: T) => boolean): T {
  for (let number = 0; number < 100_000; number++) {
    const made = make(number);
    if (fits(made)) return made;
  }
  throw new Error('nothing fits');
}

/** Base64 of a request for a serial number that makes it fit. */
const requestWith = (pattern: RegExp): string =>
  find(
    (number) => base64Of(issuer, `40${hash('sha256', String(number)).slice(0, 30)}`),
    (base64) => pattern.test(base64),
  );

const serialNumberOf = (path: string) =>
  readOcspPath(path, isOurs).certificates.map(({ serialNumber }) => serialNumber);
const plain = (text: string) =>
  readOcspRequest(Buffer.from(text, 'base64')).certificates.map(({ serialNumber }) => serialNumber);

const text = requestWith(/^(?=.*\/)(?=.*\+)[^=]+=+$/);
const doubled = requestWith(/^[^/]*\/\/[^/]*$/);
/** One that is a request, about another issuer, when the missing slash is put at the first place that it could be at. */
const other = find(issuerOf, (each) => {
  const base64 = base64Of(each, '01');
  if (!/^[^/]+\/[^/]+\/\/[^/]+$/.test(base64)) return false;
  try {
    return plain(base64.replace('//', '/').replace('/', '//')).length === 1;
  } catch {
    return false;
  }
});

describe('a request in a path', () => {
  const forms: Record<string, string> = {
    'with all escapes': `/${encodeURIComponent(text)}`,
    'with escapes in lower case': `/${encodeURIComponent(text).replaceAll(/%../g, (octet) => octet.toLowerCase())}`,
    'without escapes': `/${text}`,
    'with a plus sign as a space': `/${text.replaceAll('+', '%20')}`,
    'without padding': `/${text.replace(/=+$/, '')}`,
    'after two slashes': `//${text}`,
    'after an escaped slash': `/%2F${text}`,
  };
  for (const [what, path] of Object.entries(forms))
    test(what, () => assert.deepEqual(serialNumberOf(path), plain(text)));

  test('with two slashes in a row', () =>
    assert.deepEqual(serialNumberOf(`/${doubled}`), plain(doubled)));

  test('of whose two slashes someone made one', () =>
    assert.deepEqual(serialNumberOf(`/${doubled.replace('//', '/')}`), plain(doubled)));

  test('the same, where it would be a request as well with the slash elsewhere', () => {
    const tidied = `/${base64Of(other, '01').replace('//', '/')}`;
    const [named] = readOcspRequest(ocspRequest([certificateId(other, '01')])).certificates;
    const isOther = (id: CertificateId) => Buffer.compare(id.der, named?.der ?? id.der) === 0;
    assert.deepEqual(readOcspPath(tidied, isOther).certificates.map(isOther), [true]);
    assert.deepEqual(readOcspPath(tidied, isOurs).certificates.map(isOther), [false]);
  });
});

describe('refused as malformed', () => {
  const cases = {
    '': /not base64/,
    '/': /not base64/,
    [`/${text.replaceAll('+', '-')}`]: /not base64/,
    [`/${text}*`]: /not base64/,
    [`/=${text}`]: /not base64/,
    '/%': /malformed percent-encoding/,
    '/%ff': /malformed percent-encoding/,
    '/MA==': /not DER/,
    [`/${text.slice(0, -8)}`]: /not DER/,
    [`/M${'/'.repeat(9000)}`]: /not DER/,
  };
  for (const [path, message] of Object.entries(cases))
    test(path.slice(0, 40), () =>
      assert.throws(() => readOcspPath(path, isOurs), { code: 'malformed-request', message }),
    );
});
