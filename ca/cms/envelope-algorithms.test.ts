import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import {
  capabilitiesOf,
  makeRecipient,
  makeSharedKeyRecipient,
} from '../../test/support/envelope-recipients.ts';
import {
  algorithm,
  nullValue,
  oidOf,
  sequence,
  spkiOf,
} from '../../test/support/forged-request.ts';
import { encode, readDer } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { chooseAlgorithms } from './envelope-algorithms.ts';
import { type Recipient, readRecipientKey } from './recipient-key.ts';
import type { SmimeCapability } from './smime-capabilities.ts';

const choose = (recipient: Recipient, ...capabilities: readonly SmimeCapability[]) =>
  chooseAlgorithms(recipient, capabilities);
const capability = (der: Uint8Array): SmimeCapability => {
  const [type, parameters] = readDer(der).children;
  assert.ok(type);
  return { type: type.bytes, ...(parameters ? { parameters } : {}) };
};
const wrap = (bits: 128 | 192 | 256) =>
  algorithm(
    {
      128: '2.16.840.1.101.3.4.1.5',
      192: '2.16.840.1.101.3.4.1.25',
      256: '2.16.840.1.101.3.4.1.45',
    }[bits],
  );
const agreement = (dotted: string, ...parameters: readonly Uint8Array[]) =>
  capability(algorithm(dotted, ...parameters));
const sha256kdf = '1.3.132.1.11.1';
const sha384kdf = '1.3.132.1.11.2';

suite('for a shared key', () => {
  const key128 = makeSharedKeyRecipient(128);
  const key256 = makeSharedKeyRecipient(256);

  test('the wrap has the size of the key', () => {
    assert.deepEqual(
      choose(key256, ...capabilitiesOf('id-aes128-wrap', 'id-aes256-wrap', 'aes256-CBC')),
      {
        keyManagement: { technique: 'kekri', wrap: 256 },
        content: 256,
      },
    );
  });

  test('nothing, when only other wraps are offered', () => {
    assert.equal(choose(key256, ...capabilitiesOf('id-aes128-wrap', 'aes256-CBC')), undefined);
    assert.equal(
      choose(key128, capability(algorithm('1.2.840.113549.1.9.16.3.6', nullValue))),
      undefined,
    );
    assert.equal(choose(key128), undefined);
  });

  test('the content cipher is the strongest offered, and none weaker than the key', () => {
    assert.equal(
      choose(key128, ...capabilitiesOf('id-aes128-wrap', 'aes128-CBC', 'aes256-CBC'))?.content,
      256,
    );
    assert.equal(
      choose(key256, ...capabilitiesOf('id-aes256-wrap', 'aes128-CBC', 'aes192-CBC')),
      undefined,
    );
  });

  test('without a content cipher in the list, it has the size of the key', () => {
    assert.equal(choose(key128, ...capabilitiesOf('id-aes128-wrap'))?.content, 128);
  });

  test('a key that is no AES key fits nothing', () => {
    const odd = { ...key128, key: new Uint8Array(20) };
    assert.equal(
      choose(odd, ...capabilitiesOf('id-aes128-wrap', 'id-aes192-wrap', 'id-aes256-wrap')),
      undefined,
    );
  });
});

suite('for an RSA key', () => {
  const { recipient } = makeRecipient('RSA');
  const sha256 = algorithm('2.16.840.1.101.3.4.2.1', nullValue);
  const oaep = (...parameters: readonly Uint8Array[]) =>
    capability(algorithm('1.2.840.113549.1.1.7', ...parameters));
  const mgf1 = (hash: Uint8Array) => encode(0xa1, algorithm('1.2.840.113549.1.1.8', hash));
  const oaepWith = (hash: Uint8Array, maskHash: Uint8Array, ...more: readonly Uint8Array[]) =>
    oaep(sequence(encode(0xa0, hash), mgf1(maskHash), ...more));
  const sha384 = algorithm('2.16.840.1.101.3.4.2.2');

  for (const [what, offered] of [
    ['without parameters', oaep()],
    ['with SHA-256', oaepWith(sha256, sha256)],
    ['with SHA-256 without NULL', oaepWith(algorithm('2.16.840.1.101.3.4.2.1'), sha256)],
  ] as const)
    test(`OAEP ${what}`, () => {
      assert.deepEqual(choose(recipient, offered, ...capabilitiesOf('aes128-CBC')), {
        keyManagement: { technique: 'ktri' },
        content: 128,
      });
    });

  for (const [what, offered] of [
    ['OAEP by its defaults, SHA-1', oaep(sequence())],
    ['OAEP with another hash', oaepWith(sha384, sha384)],
    ['OAEP with another hash, though not in its mask', oaepWith(sha384, sha256)],
    ['OAEP with another hash in its mask', oaepWith(sha256, sha384)],
    ['OAEP with a label', oaepWith(sha256, sha256, encode(0xa2, nullValue))],
    ['PKCS #1 v1.5', capability(algorithm('1.2.840.113549.1.1.1', nullValue))],
    ['key wrap alone', capability(wrap(256))],
  ] as const)
    test(`nothing for ${what}`, () => assert.equal(choose(recipient, offered), undefined));

  test('a larger key wants a stronger content cipher', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
    const large = { ...recipient, key: readRecipientKey(spkiOf(publicKey)) };
    assert.equal(choose(large, oaep(), ...capabilitiesOf('aes128-CBC')), undefined);
    assert.equal(choose(large, oaep())?.content, 192);
    assert.equal(choose(recipient, oaep())?.content, 128);
  });
});

suite('for a key on a curve', () => {
  const p256 = makeRecipient('P-256').recipient;
  const p384 = makeRecipient('P-384').recipient;
  const p521 = makeRecipient('P-521').recipient;
  const x25519 = makeRecipient('X25519').recipient;

  test('a scheme goes with the wrap in its parameters, and no other', () => {
    assert.deepEqual(
      choose(p256, agreement(sha256kdf, wrap(128)), ...capabilitiesOf('id-aes256-wrap')),
      {
        keyManagement: {
          technique: 'kari',
          scheme: 'dhSinglePass-stdDH-sha256kdf-scheme',
          wrap: 128,
        },
        content: 128,
      },
    );
  });

  test('a scheme without parameters goes with any wrap of the list, the strongest first', () => {
    const choice = choose(
      p256,
      agreement(sha256kdf),
      ...capabilitiesOf('id-aes128-wrap', 'id-aes256-wrap'),
    );
    assert.deepEqual(choice?.keyManagement, {
      technique: 'kari',
      scheme: 'dhSinglePass-stdDH-sha256kdf-scheme',
      wrap: 256,
    });
  });

  test('a list of wraps alone offers every scheme (RFC 7030 section 4.4.2)', () => {
    for (const [recipient, scheme] of [
      [p256, 'dhSinglePass-stdDH-sha256kdf-scheme'],
      [p384, 'dhSinglePass-stdDH-sha384kdf-scheme'],
      [p521, 'dhSinglePass-stdDH-sha512kdf-scheme'],
      [x25519, 'dhSinglePass-stdDH-hkdf-sha256-scheme'],
    ] as const)
      assert.deepEqual(choose(recipient, ...capabilitiesOf('id-aes256-wrap')), {
        keyManagement: { technique: 'kari', scheme, wrap: 256 },
        content: 256,
      });
  });

  test('a scheme that we do not have leaves nothing, though a wrap stands beside it', () => {
    for (const other of ['1.3.133.16.840.63.0.2', '1.3.132.1.14.1', '1.3.132.1.15.1'])
      assert.equal(
        choose(p256, agreement(other, wrap(128)), ...capabilitiesOf('id-aes128-wrap')),
        undefined,
      );
  });

  test('the scheme of the curve comes first, another one is taken', () => {
    const both = [agreement(sha256kdf, wrap(256)), agreement(sha384kdf, wrap(256))];
    const schemeOf = (...offered: readonly SmimeCapability[]) => {
      const management = choose(p384, ...offered)?.keyManagement;
      return management?.technique === 'kari' ? management.scheme : undefined;
    };
    assert.equal(schemeOf(...both), 'dhSinglePass-stdDH-sha384kdf-scheme');
    assert.equal(schemeOf(agreement(sha256kdf, wrap(256))), 'dhSinglePass-stdDH-sha256kdf-scheme');
  });

  test('no wrap and no content cipher is weaker than the curve', () => {
    assert.equal(choose(p384, agreement(sha384kdf, wrap(128))), undefined);
    assert.equal(choose(p384, agreement(sha384kdf, wrap(192)))?.content, 192);
    assert.equal(
      choose(p384, agreement(sha384kdf, wrap(256)), ...capabilitiesOf('aes128-CBC')),
      undefined,
    );
    assert.equal(choose(p521, ...capabilitiesOf('id-aes192-wrap')), undefined);
  });

  test('HKDF is not used with the curves of NIST, where no RFC puts it', () => {
    assert.equal(
      choose(
        p256,
        { type: oid['dhSinglePass-stdDH-hkdf-sha256-scheme'] },
        ...capabilitiesOf('id-aes128-wrap'),
      ),
      undefined,
    );
  });

  test('nothing is offered', () => {
    assert.equal(choose(p256), undefined);
    assert.equal(choose(p256, { type: oidOf('1.2.3') }), undefined);
  });
});
