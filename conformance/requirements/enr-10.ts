import {
  attribute,
  certificateRequest,
  ecKey,
  extendedKeyUsage,
  extension,
  extensionRequest,
} from '../certificate-requests.ts';
import { bitString, integer, sequence } from '../der-writer.ts';
import { refusesRequest } from '../flows.ts';
import type { Requirement } from '../requirement.ts';

export const requirement: Requirement = {
  id: 'ENR-10',
  level: 'MUST',
  source: 'RFC 2985 section 5.4.2',
  title: 'Only one extensionRequest with one value, and no extension twice',
  test: async (server) => {
    const one = extendedKeyUsage('1.3.6.1.5.5.7.3.2');
    const digitalSignature = extension('2.5.29.15', bitString(Buffer.from([0x80]), 7), true);
    const extensionRequestType = '1.2.840.113549.1.9.14';
    const ill: Record<string, Buffer[]> = {
      'two extensionRequest attributes': [
        extensionRequest(one),
        extensionRequest(digitalSignature),
      ],
      'the same extension twice': [extensionRequest(one, one)],
      'two values': [attribute(extensionRequestType, sequence(one), sequence(digitalSignature))],
      'no value': [attribute(extensionRequestType)],
      'a value that is no list of extensions': [attribute(extensionRequestType, integer(1))],
    };
    for (const [what, attributes] of Object.entries(ill)) {
      const make = (device: string) => certificateRequest(device, ecKey(), { attributes });
      await refusesRequest(server, what, make);
    }
  },
};
