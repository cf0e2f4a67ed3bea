import { certificateRequest, commonName, ecKey } from '../certificate-requests.ts';
import { changeTo, deviceWithNames, rename } from '../changed-names.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-07',
  level: 'MUST',
  source: 'RFC 6402 section 2.8, RFC 7030 section 4.2.2',
  title: 'With changeSubjectName the request itself still has the names of the certificate',
  test: async (server) => {
    const { device, client } = await deviceWithNames(server);
    const proper = await rename(server, () => [commonName(device)]);
    answered(proper, 200, 'the old names in the request and the new in changeSubjectName');
    // The wish is the same: a certificate without subjectAltName.
    const attributes = [changeTo(commonName(device))];
    const request = certificateRequest(device, ecKey(), { attributes });
    const view = server.label('subject-change');
    const answer = await view.post('simplereenroll', request, { client });
    refused(answer, '4xx', 'the new names in the request as well');
  },
};
