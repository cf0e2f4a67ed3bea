import assert from 'node:assert/strict';
import { grantedByCmc, readCmcAnswer, refusedByCmc, STATUS } from '../cmc-answer.ts';
import {
  asksByCmc,
  CONTROL,
  control,
  pkiData,
  sendCmc,
  serialNumber,
  signedByDevice,
} from '../cmc-request.ts';
import { sequence, tlv } from '../der-writer.ts';
import { refusesClient, renewalRequest } from '../flows.ts';
import { answered } from '../inspect-answer.ts';
import { issuerName } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

const SUPERSEDED = 4;

export const requirement: Requirement = {
  id: 'CMC-15',
  level: 'MUST',
  source: 'RFC 5272 section 6.11',
  title: 'revokeRequest revokes for the holder of the certificate, and for no other device',
  test: async (server) => {
    const view = server.label('cmc');
    const victim = await view.enrolledDevice();
    const { certificate, client, key } = victim;
    const reason = tlv(0x0a, Buffer.from([SUPERSEDED]));
    const value = sequence(issuerName(certificate), serialNumber(certificate), reason);
    const content = pkiData({ controls: [control(9, CONTROL.revokeRequest, value)] });
    const renew = () => renewalRequest(certificate, key);
    const stranger = await view.sharedDevice();
    refusedByCmc(await sendCmc(view, signedByDevice(stranger, content)), 'by another device');
    const still = await view.post('simplereenroll', renew(), { client });
    answered(still, 200, 'with the certificate that another wanted to have revoked');
    const answer = await sendCmc(view, signedByDevice(victim, content));
    const { statuses } = readCmcAnswer(answer, 'by its holder');
    assert.equal(statuses[0]?.status, STATUS.success, 'by its holder: status');
    await refusesClient(view, 'the revoked certificate', 'simplereenroll', client, renew());
    grantedByCmc(await asksByCmc(view), 'what the other device may do');
  },
};
