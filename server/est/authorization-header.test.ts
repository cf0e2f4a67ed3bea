import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readAuthorization } from './authorization-header.ts';

const parametersOf = (value: string) => {
  const parameters = readAuthorization(value)?.parameters;
  return parameters && Object.fromEntries(parameters);
};

describe('one sequence of characters', () => {
  for (const value of ['Basic dXNlcjpwYXNz', 'bAsIc   dXNlcjpwYXNz'])
    test(value, () => {
      assert.deepEqual(readAuthorization(value), { scheme: 'basic', token68: 'dXNlcjpwYXNz' });
    });

  test('with padding, which alone would look like a parameter', () => {
    assert.deepEqual(readAuthorization('Basic dXNlcjpwYQ=='), {
      scheme: 'basic',
      token68: 'dXNlcjpwYQ==',
    });
  });

  test('a scheme alone', () => {
    assert.deepEqual(readAuthorization('Negotiate'), { scheme: 'negotiate' });
  });
});

describe('parameters', () => {
  const read: Record<string, Record<string, string>> = {
    'Digest username="Mufasa", nc=00000001,qop=auth': {
      username: 'Mufasa',
      nc: '00000001',
      qop: 'auth',
    },
    'DIGEST UserName = "a" ,\tQOP\t=\t"auth"': { username: 'a', qop: 'auth' },
    'Digest ,, a=1 , ,b=2,,': { a: '1', b: '2' },
    'Digest a="", b="c, d=\\"e\\"\\\\"': { a: '', b: 'c, d="e"\\' },
    "Digest username*=UTF-8''J%C3%A4s%C3%B8n": { 'username*': "UTF-8''J%C3%A4s%C3%B8n" },
    'Digest a="caf\xe9"': { a: 'caf\xe9' },
  };
  for (const [value, parameters] of Object.entries(read))
    test(value, () => {
      assert.deepEqual(parametersOf(value), parameters);
    });

  test('32 of them, in 4096 characters', () => {
    const many = (n: number) =>
      `Digest ${Array.from({ length: n }, (_, i) => `p${i}=1`).join(',')}`;
    assert.equal(readAuthorization(many(32))?.parameters?.size, 32);
    assert.equal(readAuthorization(many(33)), undefined);
    const long = (n: number) => `Digest a="${'x'.repeat(n - 'Digest a=""'.length)}"`;
    assert.equal(parametersOf(long(4096))?.a?.length, 4096 - 11);
    assert.equal(readAuthorization(long(4097)), undefined);
  });
});

describe('malformed', () => {
  for (const value of [
    '',
    ' Basic abc',
    '"Basic" abc',
    'Basic abc def',
    'Basic =',
    'Digest ,',
    'Digest a,b',
    'Digest a= ,b=1',
    'Digest a=1 b=2',
    'Digest a=1,b',
    'Digest a="1',
    'Digest a="1\\"',
    'Digest a="1"x',
    'Digest a=1, A=2',
    'Digest =1',
    'Digest a="\x01"',
    'Digest a="\n"',
    'Digest a=b"c"',
  ])
    test(JSON.stringify(value), () => {
      assert.equal(readAuthorization(value), undefined);
    });

  test('looked through once, however it is made', () => {
    for (const unit of ['\\', '"', ',', 'a=', ' ', 'a="\\"', '\t,']) {
      const value = `Digest ${unit.repeat(4096)}`.slice(0, 4096);
      const started = performance.now();
      readAuthorization(value);
      assert.ok(performance.now() - started < 50, JSON.stringify(unit));
    }
  });
});
