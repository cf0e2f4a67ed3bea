import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { readCmcAnswer, refusedByCmc } from '../cmc-answer.ts';
import {
  asksByCmc,
  CONTROL,
  control,
  pkiData,
  sendCmc,
  signedByDevice,
  tagged,
} from '../cmc-request.ts';
import { integer, octetString } from '../der-writer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-11',
  level: 'MUST',
  source: 'RFC 5272 section 6.6',
  title: 'The answer repeats transactionId, and returns senderNonce as recipientNonce',
  test: async (server) => {
    const view = server.label('cmc');
    const transaction = integer(randomBytes(12).fill(0x41, 0, 1));
    const nonce = octetString(randomBytes(16));
    const controls = [
      control(100, CONTROL.transactionId, transaction),
      control(101, CONTROL.senderNonce, nonce),
    ];
    const device = await view.sharedDevice();
    const { device: other } = await view.newcomer();
    const requests = [tagged(1, certificateRequest(other, ecKey()))];
    const foreign = signedByDevice(device, pkiData({ controls, requests }));
    const refusal = await sendCmc(view, foreign);
    refusedByCmc(refusal, 'a request for the name of another device');
    for (const [what, answer] of [
      ['a success', await asksByCmc(view, controls)],
      ['a refusal', refusal],
    ] as const) {
      const said = readCmcAnswer(answer, what);
      const hex = (arc: number) => said.control(arc)?.encoded.toString('hex') ?? 'absent';
      const repeated = hex(CONTROL.transactionId);
      assert.equal(repeated, transaction.toString('hex'), `${what}: transactionId`);
      assert.equal(hex(CONTROL.recipientNonce), nonce.toString('hex'), `${what}: recipientNonce`);
      const own = hex(CONTROL.senderNonce);
      assert.notEqual(own, nonce.toString('hex'), `${what}: senderNonce is that of the client`);
    }
  },
};
