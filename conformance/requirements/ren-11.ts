import { certificateRequest, commonName, ecKey } from '../certificate-requests.ts';
import { changeTo, generalNames, rename } from '../changed-names.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'REN-11',
  level: 'REC',
  source: 'RFC 7030 section 4.2.2',
  title: 'Names change only where and to what the operator has allowed',
  test: async (server) => {
    const { device, client } = await server.sharedDevice();
    const renewal = (...attributes: Buffer[]) => {
      const request = certificateRequest(device, ecKey(), { attributes });
      return server.post('simplereenroll', request, { client });
    };
    answered(await renewal(), 200, 'a renewal without changeSubjectName');
    // It asks for nothing new: all that is wrong is that it asks.
    const asked = await renewal(changeTo(commonName(device)));
    refused(asked, [403], 'changeSubjectName where it is not accepted');

    const other = await rename(server, () => [commonName(device)]);
    refused(other, [403], 'changeSubjectName to the subject of another device');
    const foreign = await rename(server, (name) => [
      commonName(name),
      generalNames(`not-${name}.example`),
    ]);
    refused(foreign, [403], 'changeSubjectName to a name the device may not have');
  },
};
