import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encode, latin1, readDer, tags } from '../../../ca/der.ts';
import { encodeInteger } from './body-part.ts';
import { encodePkiResponse } from './pki-response.ts';
import { encodeStatusInfo, type StatusInfo } from './status-info.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('integers', () => {
  for (const [value, expected] of [
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [256, '02020100'],
    [0xffffffff, '020500ffffffff'],
  ] as const)
    test(String(value), () => assert.equal(hex(encodeInteger(value)), expected));
});

/** RFC 5272 section 6.1.1: failInfo with failed, pendInfo with pending, nothing with success. */
describe('CMCStatusInfoV2', () => {
  const expected: [StatusInfo, string][] = [
    [{ status: 'success', bodyList: [1] }, '30080201003003020101'],
    [{ status: 'noSupport', bodyList: [2, 128] }, '300c020104300702010202020080'],
    [
      { status: 'failed', failInfo: 'popFailed', bodyList: [0], statusString: 'no' },
      '300f02010230030201000c026e6f020109',
    ],
    [{ status: 'failed', failInfo: 'badAlg', bodyList: [0] }, '300b0201023003020100020100'],
  ];
  for (const [info, der] of expected)
    test(`${info.status} ${info.bodyList}`, () => {
      assert.equal(hex(encodeStatusInfo(info)), der);
      readDer(encodeStatusInfo(info));
    });

  test('pending: the time is a GeneralizedTime in any year', () => {
    const time = new Date('2030-02-03T04:05:06.789Z');
    const token = Buffer.from('token');
    const info = encodeStatusInfo({ status: 'pending', bodyList: [7], pendInfo: { token, time } });
    const [status, , pendInfo] = readDer(info).children;
    assert.equal(hex(status?.bytes ?? new Uint8Array()), '020103');
    const [tokenElement, timeElement] = pendInfo?.children ?? [];
    assert.equal(latin1(tokenElement?.content ?? new Uint8Array()), 'token');
    assert.equal(timeElement?.tag, tags.generalizedTime);
    assert.equal(latin1(timeElement.content), '20300203040506Z');
  });
});

test('PKIResponse: no number stands twice, whatever numbers the answers of a batch have', () => {
  const value = encode(tags.octetString);
  const response = encodePkiResponse(
    [
      { name: 'senderNonce', value },
      { name: 'recipientNonce', value },
      { name: 'dataReturn', value },
    ],
    [2, 4].map((bodyPartId) => ({ bodyPartId, contentInfo: encode(tags.sequence) })),
  );
  const { children } = readDer(response);
  assert.equal(children.length, 3);
  const ids = children.flatMap((list) => list.children.map((part) => part.children[0]?.content[0]));
  assert.deepEqual(ids, [1, 3, 5, 2, 4]);
});
