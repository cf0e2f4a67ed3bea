/**
 * What is left to see below the wire: that nothing is made that cannot be delivered, what is overwritten, and what two
 * requests at the same time come to.
 */

import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { before, beforeEach, suite, test } from 'node:test';
import { readCertificate } from '../ca/certificate.ts';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { parseKeylessRequest } from '../ca/certificate-request.ts';
import { encode, sameBytes, tags } from '../ca/der.ts';
import { Refusal } from '../ca/refusal.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import { AnswersInMemory } from '../server/delivered-answers.ts';
import { authorizedOrder } from '../test/support/authorized-order.ts';
import { type CmsSigner, makeCmsSigner } from '../test/support/cms-signers.ts';
import {
  algorithm,
  attribute,
  forgeRequest,
  octetString,
  sequence,
} from '../test/support/forged-request.ts';
import { memoryLedger } from '../test/support/memory-ledger.ts';
import { noAuthorization } from '../test/support/no-authorization.ts';
import { noEndpointWebhooks } from '../test/support/no-endpoint-webhooks.ts';
import { oneIssuer } from '../test/support/one-issuer.ts';
import { devicesFor90Days, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import { noRules } from './allocation/allocate.ts';
import type { Approvals } from './approvals.ts';
import type { Caller } from './authenticator.ts';
import { type DeviceKey, DeviceKeySecrets, type DeviceKeys } from './device-keys.ts';
import { asKeyless, generateKey, type KeyGenerationParts } from './generate-key.ts';
import { defaultSettings, type GroupSettings } from './group-settings.ts';
import type { GeneratedKey } from './key-generator.ts';
import type { KeyPackager } from './key-package.ts';
import type { StagingArea } from './staging-area.ts';

const secrets = new DeviceKeySecrets(Buffer.from('pepper'));
const kekOwner = { device: 'd', id: 'aa' };
let ca: SoftwareCa;
let cmcSigner: CmsSigner;
let ledger: ReturnType<typeof memoryLedger>;
let made: GeneratedKey[];
let opened: Buffer[];
let answers: AnswersInMemory;

before(async () => {
  ca = await makeSoftwareCa();
  cmcSigner = await makeCmsSigner('ecdsa-with-SHA256');
});
beforeEach(() => {
  ledger = memoryLedger();
  made = [];
  opened = [];
  answers = new AnswersInMemory();
  ca.signer.reachable = true;
});

const platform = {
  async generate() {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = {
      subjectPublicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
      privateKeyInfo: privateKey.export({ type: 'pkcs8', format: 'der' }),
    };
    made.push(key);
    return key;
  },
};

/** Remembers what it gave out, to see it overwritten. */
const watched = {
  open: (key: DeviceKey) => {
    const secret = secrets.open(key);
    opened.push(secret);
    return secret;
  },
} as DeviceKeySecrets;

const deviceKeys = {
  find: async (device: string, id: string) =>
    device === kekOwner.device && id === kekOwner.id
      ? {
          ...kekOwner,
          kind: 'shared-key',
          material: secrets.seal(randomBytes(32), kekOwner),
          createdAt: new Date(),
        }
      : undefined,
} as DeviceKeys;

/** A server's parts; `cmcSigner: 'none'` for one whose CA has no such key. */
const partsWith = ({
  cmcSigner: packager = { signer: cmcSigner, certificate: cmcSigner.certificate },
  ...changes
}: Partial<KeyGenerationParts> & {
  cmcSigner?: KeyPackager | 'none';
} = {}): KeyGenerationParts => ({
  issuers: oneIssuer(
    new CertificateAuthority({
      issuer: ca.issuing,
      signer: ca.signer,
      ledger,
      serialPrefix: 1,
    }),
    packager === 'none' ? {} : { cmcSigner: packager },
  ),
  approvals: {} as Approvals,
  stagingArea: {} as StagingArea,
  authorization: noAuthorization,
  endpointWebhooks: noEndpointWebhooks,
  waiting: { retryAfter: 1, validity: 1 },
  keyGenerators: { platform },
  deviceKeys,
  deviceKeySecrets: watched,
  deliveredAnswers: answers,
  ...changes,
});

const settings: GroupSettings = {
  ...defaultSettings,
  serverKeys: 'platform',
  serverKeyDelivery: 'plain-allowed',
};

const encrypted = [
  attribute('1.2.840.113549.1.9.15', sequence(algorithm('2.16.840.1.101.3.4.1.45'))),
  attribute('1.2.840.113549.1.9.16.2.37', octetString(Buffer.from('aa', 'hex'))),
];

const device: Caller['device'] = {
  id: 'd',
  tenant: 't',
  group: 'g',
  names: [],
  status: 'active',
  role: 'device',
};

interface OrderChanges {
  readonly attributes?: readonly Uint8Array[];
  readonly settings?: Partial<GroupSettings>;
  readonly caller?: Partial<Caller>;
}

function orderOf({ attributes = [], caller = {}, ...changes }: OrderChanges = {}) {
  return authorizedOrder('serverkeygen', {
    request: asKeyless(parseKeylessRequest(forgeRequest({ subject: sequence(), attributes }))),
    caller: {
      device,
      tenant: { id: 't', endpoints: [], suspended: false },
      group: { label: 'g', tenant: 't', settings: { ...settings, ...changes.settings } },
      credential: { kind: 'one-time-password', id: 'otp-1' },
      ...caller,
    },
    profile: devicesFor90Days,
    linking: 'absent' as const,
    allocation: noRules,
    source: '192.0.2.1',
    requestId: 'request-1',
  });
}

const refusedAs = (code: string, reason: RegExp) => (error: unknown) =>
  error instanceof Refusal && error.code === code && reason.test(error.message);

suite('no key is made', () => {
  const cases: [
    what: string,
    changes: OrderChanges,
    code: string,
    reason: RegExp,
    signs?: false,
  ][] = [
    [
      'where the group has it off',
      { settings: { serverKeys: 'off' } },
      'key-generation-not-allowed',
      /make their keys themselves/,
    ],
    [
      'where the token makes none',
      { settings: { serverKeys: 'token' } },
      'not-set-up',
      /token of this server makes no keys/,
    ],
    [
      "for another device's secret key",
      { caller: { device: { ...device, id: 'e' } }, attributes: encrypted },
      'unknown-decryption-key',
      /No key aa/,
    ],
    [
      'without the encryption that the group demands',
      { settings: { serverKeyDelivery: 'encrypted-only' } },
      'encryption-required',
      /encrypted only/,
    ],
    [
      'where nobody can sign its package',
      { attributes: encrypted },
      'not-set-up',
      /bestow ca cmc-key/,
      false,
    ],
    [
      'for a password that made one before',
      { caller: { spentOn: 'something' } },
      'generated-key-gone',
      /new one-time password is needed/,
    ],
    [
      'where a part of the request is missing',
      { settings: { requestParts: ['commonName'] } },
      'request-incomplete',
      /commonName/,
    ],
  ];
  for (const [what, changes, code, reason, signs = true] of cases)
    test(what, async () => {
      const parts = partsWith(signs ? {} : { cmcSigner: 'none' });
      await assert.rejects(generateKey(orderOf(changes), parts), refusedAs(code, reason));
      assert.equal(made.length, 0);
      assert.equal(ledger.records.size, 0);
    });
});

suite('secrets', () => {
  test('what the generator gave is overwritten, whichever way the key goes', async () => {
    await generateKey(orderOf(), partsWith());
    const caller = { credential: { kind: 'one-time-password', id: 'otp-2' } } as const;
    await generateKey(orderOf({ attributes: encrypted, caller }), partsWith());
    assert.equal(made.length, 2);
    for (const { privateKeyInfo } of made) assert.ok(privateKeyInfo.every((octet) => octet === 0));
  });

  test('also when its package cannot be made', async () => {
    const broken = { ...cmcSigner, sign: () => Promise.reject(new SignerUnavailable('away')) };
    const parts = partsWith({ cmcSigner: { signer: broken, certificate: cmcSigner.certificate } });
    await assert.rejects(generateKey(orderOf({ attributes: encrypted }), parts), SignerUnavailable);
    assert.ok(made[0]?.privateKeyInfo.every((octet) => octet === 0));
    assert.equal(ledger.records.size, 0, 'nothing is spent');
  });

  test('the shared key is overwritten', async () => {
    await generateKey(orderOf({ attributes: encrypted }), partsWith());
    assert.equal(opened.length, 1);
    assert.ok(opened[0]?.every((octet) => octet === 0));
  });

  test('a key that is malformed goes nowhere', async () => {
    const generate = async () => ({
      ...(await platform.generate()),
      privateKeyInfo: encode(tags.sequence),
    });
    await assert.rejects(
      generateKey(orderOf(), partsWith({ keyGenerators: { platform: { generate } } })),
      /OneAsymmetricKey/,
    );
    assert.equal(ledger.records.size, 0);
  });
});

suite('a repetition', () => {
  test('gets the same key and certificate', async () => {
    const first = await generateKey(orderOf(), partsWith());
    const second = await generateKey(orderOf({ caller: { spentOn: 'this' } }), partsWith());
    assert.equal(second.issued.repeated, true);
    assert.deepEqual(second.key, first.key);
    assert.deepEqual(second.issued.certificate, first.issued.certificate);
    assert.equal(made.length, 1);
  });

  test('is finished with the same key when the CA key was away in between', async () => {
    const { sign } = ca.signer;
    ca.signer.sign = () => Promise.reject(new SignerUnavailable('away'));
    await assert.rejects(generateKey(orderOf(), partsWith()), SignerUnavailable);
    ca.signer.sign = sign;
    assert.equal(ledger.records.size, 1);
    const { issued, key } = await generateKey(
      orderOf({ caller: { spentOn: 'this' } }),
      partsWith(),
    );
    assert.ok(sameBytes(readCertificate(issued.certificate).subjectPublicKeyInfo, key.publicKey));
    assert.equal(made.length, 1);
  });

  test('in another worker at the same time made another key, and gets that of the first', async () => {
    const other = new AnswersInMemory({ relay: async (kept) => answers.receive(kept) });
    const { sign } = ca.signer;
    ca.signer.sign = () => Promise.reject(new SignerUnavailable('away'));
    // The first is on record, but has no certificate yet.
    await assert.rejects(
      generateKey(orderOf(), partsWith({ deliveredAnswers: other })),
      SignerUnavailable,
    );
    ca.signer.sign = sign;
    const [first] = made;
    const find = answers.find.bind(answers);
    let asked = 0;
    // When the second looked, it had not heard of the first.
    answers.find = (request) => (asked++ === 0 ? [] : find(request));
    const { issued, key } = await generateKey(orderOf(), partsWith());
    assert.equal(made.length, 2);
    const { subjectPublicKeyInfo = assert.fail() } = first ?? {};
    assert.ok(sameBytes(key.publicKey, subjectPublicKeyInfo));
    assert.ok(
      sameBytes(readCertificate(issued.certificate).subjectPublicKeyInfo, subjectPublicKeyInfo),
    );
  });

  test('of a key that nobody has any more is refused', async () => {
    await generateKey(orderOf({ caller: certificateCaller }), partsWith());
    const forgetful = partsWith({ deliveredAnswers: new AnswersInMemory() });
    await assert.rejects(
      generateKey(orderOf({ caller: certificateCaller }), forgetful),
      refusedAs('generated-key-gone', /ask again with another key in the request/),
    );
  });
});

const certificateCaller = { credential: { kind: 'client-certificate', id: '01' } } as const;
