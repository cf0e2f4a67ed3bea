import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Refusal } from '../ca/refusal.ts';
import { makeOneTimePassword } from './one-time-password.ts';
import { hashPairingCode, makePairingCode, readPairingCode } from './pairing-code.ts';

const kinds = {
  'numeric-pairing-code': { form: /^\d{4}-\d{3}-\d{4}$/, symbols: '0123456789' },
  'long-pairing-code': {
    form: /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/,
    symbols: '0123456789ABCDEFGHJKMNPQRSTVWXYZ',
  },
} as const;
const names = Object.keys(kinds) as (keyof typeof kinds)[];

const mistyped = (error: unknown) => error instanceof Refusal && error.code === 'mistyped-code';
const canonical = (code: string) => code.replaceAll('-', '');

for (const kind of names)
  describe(kind, () => {
    const { form, symbols } = kinds[kind];

    test('its form, and that codes do not repeat', () => {
      const codes = Array.from({ length: 1000 }, () => makePairingCode(kind));
      for (const code of codes) {
        assert.match(code, form);
        assert.deepEqual(readPairingCode(code), { kind, code: canonical(code) });
      }
      assert.ok(new Set(codes).size >= 999);
    });

    test('every symbol stands at every place of it', () => {
      const codes = Array.from({ length: 2000 }, () => canonical(makePairingCode(kind)));
      for (let place = 0; place < (codes[0] ?? '').length; place++)
        assert.equal(new Set(codes.map((code) => code[place])).size, symbols.length, `${place}`);
    });

    test('every wrong symbol is told from a wrong code', () => {
      for (let i = 0; i < 50; i++) {
        const right = canonical(makePairingCode(kind));
        for (let place = 0; place < right.length; place++)
          for (const symbol of symbols) {
            const wrong = right.slice(0, place) + symbol + right.slice(place + 1);
            if (wrong !== right) assert.throws(() => readPairingCode(wrong), mistyped, wrong);
          }
      }
    });

    test('every swap of neighbours is told from a wrong code', () => {
      for (let i = 0; i < 500; i++) {
        const right = canonical(makePairingCode(kind));
        for (let place = 1; place < right.length; place++) {
          const wrong =
            right.slice(0, place - 1) + right[place] + right[place - 1] + right.slice(place + 1);
          if (wrong !== right) assert.throws(() => readPairingCode(wrong), mistyped, wrong);
        }
      }
    });

    test('as people type it', () => {
      const code = makePairingCode(kind);
      for (const typed of [
        canonical(code),
        code.replaceAll('-', ' '),
        ` ${code.toLowerCase()}\r\n`,
        code.replaceAll('0', 'O').replaceAll('1', 'I'),
        code.replaceAll('0', 'o').replaceAll('1', 'l'),
      ])
        assert.deepEqual(readPairingCode(typed), { kind, code: canonical(code) }, typed);
    });
  });

test('a digit left out or typed twice is mistyped', () => {
  const code = canonical(makePairingCode('numeric-pairing-code'));
  for (const wrong of [code.slice(1), code.slice(0, -1), `${code}0`])
    assert.throws(() => readPairingCode(wrong), mistyped, wrong);
});

test('other passwords are no codes', () => {
  for (const password of ['', 'secret', '123456', '1234567890123', 'wrong', makeOneTimePassword()])
    assert.equal(readPairingCode(password), undefined, password);
});

test('a numeric code is hashed with its device, a long one alone', () => {
  const pepper = Buffer.alloc(32, 7);
  const hashes = (kind: keyof typeof kinds) => {
    const code = { kind, code: canonical(makePairingCode(kind)) };
    return new Set(['pump-1', 'pump-2', ''].map((device) => hashPairingCode(code, device, pepper)));
  };
  assert.equal(hashes('numeric-pairing-code').size, 3);
  assert.equal(hashes('long-pairing-code').size, 1);
});
