import assert from 'node:assert/strict';
import { certificateRequest, ecKey } from '../certificate-requests.ts';
import { readCmcAnswer, STATUS } from '../cmc-answer.ts';
import { pkiData, sendCmc, signedByDevice, tagged } from '../cmc-request.ts';
import { integer, nullValue, objectIdentifier, tlv } from '../der-writer.ts';
import { refused } from '../inspect-answer.ts';
import { publicKeyInfo } from '../inspect-certificate.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'CMC-12',
  level: 'MUST',
  source: 'RFC 5272 section 3.2.1.2',
  title: 'A request in a format nobody knows is noSupport, and nothing else is processed',
  test: async (server) => {
    const view = server.label('cmc');
    const device = await view.sharedDevice();
    const key = ecKey();
    const unknown = tlv(0xa2, integer(2), objectIdentifier('1.2.3.4'), nullValue());
    const requests = [tagged(1, certificateRequest(device.device, key)), unknown];
    const answer = await sendCmc(view, signedByDevice(device, pkiData({ requests })));
    refused(answer, '4xx', 'otherRequestMessage');
    const { statuses, certificates } = readCmcAnswer(answer, 'otherRequestMessage');
    const about = statuses.filter(({ bodyList }) => bodyList.includes(2));
    const found = about.map(({ status }) => status);
    assert.deepEqual(found, [STATUS.noSupport], 'status of the request in an unknown format');
    const issued = certificates.some((each) => publicKeyInfo(each).equals(key.publicKey));
    assert.ok(!issued, 'the other request of the message was granted');
  },
};
