import {
  certificateRequest,
  dnsNames,
  ecKey,
  extensionRequest,
  type RequestContents,
} from '../certificate-requests.ts';
import { answered, refused } from '../inspect-answer.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'SKG-06',
  level: 'SHOULD',
  source: 'RFC 7030 section 4.4.1',
  title: 'In all but its key the request is judged as at /simpleenroll',
  test: async (server) => {
    const view = server.label('server-keys');
    const { device, ...applicant } = await view.applicant();
    const { device: other } = await view.newcomer();
    const ask = (name: string, contents: RequestContents = {}) =>
      view.post('serverkeygen', certificateRequest(name, ecKey(), contents), applicant);
    const attributes = [extensionRequest(dnsNames('conformance-nobody.example'))];
    refused(await ask(device, { attributes }), '4xx', 'an alternative name nobody granted');
    refused(await ask(other), '4xx', 'the name of another device');
    const malformed = await view.post('serverkeygen', Buffer.from('3000', 'hex'), applicant);
    refused(malformed, '4xx', 'an empty SEQUENCE');
    answered(await ask(device), 200, 'the name of the device');
  },
};
