/**
 * How devices, tenants and groups may be called.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkDeviceId, checkNames, checkSerialNumber } from './device.ts';
import { checkLabel } from './group.ts';
import { checkTenantId } from './tenant.ts';

const tables: Record<
  string,
  { check: (text: string) => unknown; good: readonly string[]; bad: readonly string[] }
> = {
  'device id': {
    check: checkDeviceId,
    good: ['a', '0', 'device-1', 'AA.bb_cc@dd', 'a'.repeat(64)],
    bad: [
      '',
      'a'.repeat(65),
      // It would end the user name in HTTP Basic.
      'a:b',
      '-a',
      '.a',
      'a b',
      'a/b',
      'a\n',
      'a\0',
      'gerät',
      '../a',
      '<a>',
      '=1+1',
    ],
  },
  'serial number': {
    check: checkSerialNumber,
    good: ['1', 'AB-12/3', "a '()+,-./:=?", 'a'.repeat(64)],
    bad: ['', 'a'.repeat(65), 'a@b', 'a_b', 'a*b', 'a&b', 'ä', 'a\n', '\0'],
  },
  'tenant id': {
    check: checkTenantId,
    good: ['a', '0', 'acme', 'a-b', 'a'.repeat(63)],
    bad: ['', 'a'.repeat(64), '-a', 'a-', 'A', 'a.b', 'a_b', 'a b', 'a\n', 'ä', '..', 'a/b'],
  },
  'group label': {
    check: checkLabel,
    good: ['a', 'acme', 'Plant_4.east', 'a-b', 'cacerts2', 'a'.repeat(63)],
    bad: [
      '',
      'a'.repeat(64),
      '.',
      '..',
      '.a',
      'a.',
      '-a',
      'a/b',
      'a%2fb',
      'a b',
      'a\n',
      'ä',
      // RFC 7030 section 3.2.2: no operation can be a label.
      'cacerts',
      'simpleenroll',
      'simplereenroll',
      'fullcmc',
      'serverkeygen',
      'csrattrs',
      'CACerts',
      // RFC 8295 section 1.5 has further ones.
      'pal',
      'eecerts',
      'crls',
      'symmetrickeys',
      'firmware',
      'tamp',
      'PAL',
    ],
  },
};

for (const [what, { check, good, bad }] of Object.entries(tables))
  describe(`a ${what}`, () => {
    for (const text of good)
      test(JSON.stringify(text), () => {
        assert.equal(check(text), text);
      });
    for (const text of bad)
      test(`${JSON.stringify(text)} is refused`, () => {
        assert.throws(() => check(text), TypeError);
      });
  });

describe('the names of a device', () => {
  test('are canonical, sorted, each once', () => {
    const names = ['URI:urn:x:1', 'dns:B.example', 'DNS:b.example', 'IP:2001:DB8:0::1'];
    assert.deepEqual(checkNames(names), ['DNS:b.example', 'IP:2001:db8::1', 'URI:urn:x:1']);
    assert.deepEqual(checkNames([]), []);
  });
  for (const name of ['b.example', 'DNS:', 'DNS:*', 'IP:1.2.3', 'RID:1.2.3'])
    test(`${name} is refused`, () => assert.throws(() => checkNames(['DNS:a', name]), TypeError));
});
